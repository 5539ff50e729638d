import Bytes
import JSON
import Synchronization
import Telemetry

/// Where an issuer's keys are and where it is asked about a token: configured, else what its discovery document says
/// (RFC 8414), else where Keycloak has them.
final class IssuerEndpoints: Sendable {
    private struct Told: Sendable {
        var keySet: String?
        var introspection: String?
    }

    let issuer: String
    private let base: String
    private let configured: Told
    private let source: any KeySource
    private let logger: Logger
    private let told = Mutex<Told?>(nil)

    /// - Parameters:
    ///   - base: the realm's URL as this process reaches it.
    ///   - keySetURL: instead of what discovery says.
    ///   - introspectionURL: instead of what discovery says.
    init(
        issuer: String, base: String, keySetURL: String?, introspectionURL: String?, source: any KeySource,
        logger: Logger
    ) {
        self.issuer = issuer
        self.base = base
        configured = Told(keySet: keySetURL, introspection: introspectionURL)
        self.source = source
        self.logger = logger
    }

    /// Where to fetch keys, best place first.
    /// - Parameter rediscovers: false is content with what an earlier discovery said.
    func keySetURLs(rediscovers: Bool) async -> [String] {
        if let url = configured.keySet { return [url] }
        let usual = base + "/protocol/openid-connect/certs"
        if rediscovers || told.withLock({ $0 == nil }) { await discover() }
        guard let url = told.withLock({ $0?.keySet }), url != usual else { return [usual] }
        return [url, usual]
    }

    /// Where to ask about a token.
    func introspectionURL() async -> String {
        if let url = configured.introspection { return url }
        if told.withLock({ $0 == nil }) { await discover() }
        return told.withLock { $0?.introspection } ?? base + "/protocol/openid-connect/token/introspect"
    }

    /// A failure changes nothing: the usual places are tried then.
    private func discover() async {
        guard let bytes = try? await source.fetch(base + "/.well-known/openid-configuration", for: issuer),
            let document = try? JSONValue(
                parsing: bytes, limits: .init(maxDepth: 16, maxBytes: 1 << 20, maxValues: 10_000)),
            document.object != nil
        else { return }
        // An issuer that was configured apart from the URL may well be told otherwise behind a split host name.
        if let name = document["issuer"]?.string, name != issuer, issuer == base {
            logger.warning(
                "Keycloak names another issuer than the one accepted, so its tokens will be refused: set KEYCLOAK_ISSUERS",
                metadata: ["accepted": .string(issuer), "told": .string(String(name.prefix(256)))])
        }
        let found = Told(
            keySet: accepted(document["jwks_uri"]), introspection: accepted(document["introspection_endpoint"]))
        told.withLock { $0 = found }
    }

    /// An absolute URL that is no less protected than the one that told it.
    private func accepted(_ value: JSONValue?) -> String? {
        guard let url = value?.string, url.utf8.count <= 2_048 else { return nil }
        if let named = WebURL(url), named.isSecure || WebURL(base)?.isSecure == false { return url }
        logger.warning(
            "Keycloak's discovery document names a URL that is malformed or without https, which is not used",
            metadata: ["issuer": .string(issuer)])
        return nil
    }
}
