import Configuration
import HelperCore

/// What the operator allows of API keys.
extension Settings {
    static func keyRules(_ reader: inout ConfigReader) -> KeyRules {
        reader.section("API keys")
        var rules = KeyRules()
        rules.perService = reader.int(
            forKey: "KEYS_PER_SERVICE", default: rules.perService, range: 1...1_000,
            help:
                "How many keys of different names an owner may have on one service. Generations of one name count once."
        )
        rules.lifetimeDefault = lifetime(
            &reader, "KEY_LIFETIME_DEFAULT",
            """
            The life of a key of `POST /api/keys` that says no `expires_in`: then the helper suspends it, and deletes it a day later. \
            0 for no end. `init` makes keys without an end unless `KEY_LIFETIME_MAX` is set.
            """)
        rules.lifetimeMax = lifetime(
            &reader, "KEY_LIFETIME_MAX",
            """
            The longest life of a key, those of `init` included. It counts from the `created_at` of its application, whatever the \
            description says, and so for the keys that exist already: those that are older are suspended within minutes. 0 for no limit.
            """)
        if let lifetime = rules.lifetimeDefault, let max = rules.lifetimeMax, lifetime > max {
            reader.report("KEY_LIFETIME_DEFAULT", "must be at most KEY_LIFETIME_MAX")
        }
        rules.grace = seconds(
            reader.duration(
                forKey: "KEY_ROTATION_GRACE", default: .seconds(rules.grace), range: .zero ... .seconds(31_536_000),
                help: "How long after a rotation the old key is to retire, where the call does not say."))
        rules.graceMax = seconds(
            reader.duration(
                forKey: "KEY_ROTATION_GRACE_MAX", default: .seconds(rules.graceMax),
                range: .zero ... .seconds(31_536_000),
                help: "The longest that a call may ask for."))
        if rules.grace > rules.graceMax {
            reader.report(
                "KEY_ROTATION_GRACE", "must be at most KEY_ROTATION_GRACE_MAX (it is 24h where it is not set)")
        }
        rules.prefix = keyPrefix(&reader)
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

    private static func keyPrefix(_ reader: inout ConfigReader) -> KeySecret.Prefix {
        let expected = "1 to 20 of a-z and 0-9, starting with a letter"
        let text = reader.string(
            forKey: "KEY_PREFIX", default: KeySecret.Prefix.standard.description, expected: expected,
            help: """
                What new secrets begin with, before `_`, where the helper chooses them (a user key, or an app key). Secret \
                scanners look for it: see [Security](security.md#finding-leaked-keys).
                """)
        if let text, let prefix = KeySecret.Prefix(text) { return prefix }
        if text != nil { reader.report("KEY_PREFIX", "must be \(expected)") }
        return .standard
    }

    private static func lifetime(_ reader: inout ConfigReader, _ key: String, _ help: String) -> Int? {
        let lifetime = reader.duration(
            forKey: key, default: .zero, range: .zero ... .seconds(315_360_000), help: help)
        return lifetime == .zero ? nil : max(60, seconds(lifetime))
    }

    private static func seconds(_ duration: Duration) -> Int { Int(duration.components.seconds) }
}
