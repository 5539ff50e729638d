import Bytes
package import Configuration
import HelperHTTP

/// The pages for people. Off unless everything they need is set.
package struct PortalSettings: Sendable {
    /// Where browsers reach them: an origin.
    package let url: String
    /// The first seals session cookies, all open them.
    package let secrets: [Secret]
    package let session: Duration
    package let sessionMax: Duration

    /// Fewer bytes could be guessed.
    private static let secretBytesMin = 32

    /// - Returns: nil where the portal is off.
    init?(_ reader: inout ConfigReader, clientSecret: Secret?) {
        reader.section("Portal")
        let url = reader.url(
            forKey: "PORTAL_URL", example: "https://mlaas.example.com", required: false,
            help: """
                Serves pages for people at this URL, which must be where browsers reach the helper: https without a path, or plain http \
                on loopback. Needs `SESSION_SECRET` and `KEYCLOAK_CLIENT_SECRET`. See [Portal](portal.md).
                """)
        let secret = reader.secret(
            forKey: "SESSION_SECRET", required: false,
            help: """
                What session cookies are sealed by: at least 32 characters that cannot be guessed, the same in all replicas. \
                Several, separated by commas: the first seals, all open. To replace one while all sessions go on, set `old,new` on \
                all replicas, then `new,old` on all, wait for `PORTAL_SESSION_MAX`, then set `new`. Read again on SIGHUP.
                """)
        session = reader.duration(
            forKey: "PORTAL_SESSION", default: .seconds(900), range: .seconds(10) ... .seconds(86_400),
            help: "How long a session is good for before the next click renews it by Keycloak's own session.")
        sessionMax = reader.duration(
            forKey: "PORTAL_SESSION_MAX", default: .seconds(43_200), range: .seconds(10) ... .seconds(30 * 86_400),
            help: "How long after a sign-in a session can be renewed.")
        secrets = Self.split(secret)
        guard let url else {
            if secret != nil { reader.warn("SESSION_SECRET", "is not used: the portal is off without PORTAL_URL") }
            return nil
        }
        self.url = url
        Self.check(url, &reader)
        if session > sessionMax { reader.report("PORTAL_SESSION", "must be at most PORTAL_SESSION_MAX") }
        if secret != nil, secrets.isEmpty || secrets.contains(where: { $0.reveal().utf8.count < Self.secretBytesMin }) {
            reader.report("SESSION_SECRET", "must be at least \(Self.secretBytesMin) characters, each of several too")
        }
        if secret == nil {
            reader.report("PORTAL_URL", "needs SESSION_SECRET, for example of: openssl rand -base64 48")
        }
        if clientSecret == nil {
            reader.report("PORTAL_URL", "needs KEYCLOAK_CLIENT_SECRET: people sign in by that client")
        }
    }

    private static func split(_ secret: Secret?) -> [Secret] {
        (secret?.reveal() ?? "").split(separator: ",").map { part in
            let start = part.drop { $0 == " " }
            return Secret(String(start.prefix(start.count - start.reversed().prefix { $0 == " " }.count)))
        }
    }

    private static func check(_ url: String, _ reader: inout ConfigReader) {
        guard CORSPolicy.isOrigin(url) else {
            return reader.report(
                "PORTAL_URL",
                "expected scheme, host and port alone, without a path and without the scheme's own port, found "
                    + ConfigReader.shown(url))
        }
        if let parsed = WebURL(url), !parsed.isSecure, !parsed.isLoopback {
            reader.report("PORTAL_URL", "must be https: over plain http session cookies are for loopback alone")
        }
    }
}
