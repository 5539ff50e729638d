import Configuration
import HelperCore

/// What the operator allows of API keys.
extension Settings {
    static func keyRules(_ reader: inout ConfigReader) -> KeyRules {
        reader.section("API keys")
        var rules = KeyRules()
        rules.showsOnce = reader.bool(
            forKey: "MLAAS_SHOW_ONCE", default: rules.showsOnce,
            help: """
                Only the call that makes a key answers its secret. Lists, later calls of `init` and \
                `POST /api/keys/{id}/reveal` do not; a lost secret is replaced, not shown again.
                """)
        rules.gatewayDelay = seconds(
            reader.duration(
                forKey: "GATEWAY_DELAY_SECONDS", default: .seconds(rules.gatewayDelay),
                range: .zero ... .seconds(86_400),
                help: """
                    How long a gateway may let a key pass after it was stopped, as answers say in `stops_within_seconds`. \
                    Each process of 3scale's backend remembers an application for 60 s.
                    """))
        return rules
    }

    private static func seconds(_ duration: Duration) -> Int { Int(duration.components.seconds) }
}
