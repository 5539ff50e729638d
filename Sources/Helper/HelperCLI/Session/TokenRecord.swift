import Bytes
import JSON

/// A sign-in as it is kept in a file.
struct TokenRecord: Sendable, Equatable {
    /// Left before a token's end so that it does not end on its way.
    private static let marginSecondsMax = 60
    private static let lifetimes = 0...31_536_000

    let server: String
    let issuer: String
    let clientID: String
    let tokenEndpoint: String
    let revocationEndpoint: String?
    let accessToken: String
    /// Nil where Keycloak gave none.
    let refreshToken: String?
    /// By this machine's clock, in seconds since 1970. Lifetimes are Keycloak's, clocks are never compared.
    let obtainedAt: Int
    let lifetime: Int

    /// Whether the access token can be used now. A clock that was put back makes it old.
    func isFresh(at now: Int) -> Bool {
        let margin = min(Self.marginSecondsMax, lifetime / 2)
        return now >= obtainedAt && now < obtainedAt + lifetime - margin
    }

    /// When the access token ends, by this machine's clock.
    var expiresAt: Int { obtainedAt + lifetime }

    /// What a token endpoint has answered.
    func replacing(_ tokens: TokenAnswer, at now: Int) -> TokenRecord {
        TokenRecord(
            server: server, issuer: issuer, clientID: clientID, tokenEndpoint: tokenEndpoint,
            revocationEndpoint: revocationEndpoint, accessToken: tokens.accessToken,
            // Without rotation the answer may leave it out (RFC 6749 §6).
            refreshToken: tokens.refreshToken ?? refreshToken, obtainedAt: now, lifetime: tokens.lifetime)
    }

    // MARK: The file

    var encoded: [UInt8] {
        var object = JSONObject([
            ("server", .string(server)), ("issuer", .string(issuer)), ("client_id", .string(clientID)),
            ("token_endpoint", .string(tokenEndpoint)), ("access_token", .string(accessToken)),
            ("obtained_at", .int(obtainedAt)), ("lifetime", .int(lifetime)),
        ])
        if let revocationEndpoint { object["revocation_endpoint"] = .string(revocationEndpoint) }
        if let refreshToken { object["refresh_token"] = .string(refreshToken) }
        return JSONValue.object(object).encoded(pretty: true)
    }

    /// Nil for bytes that are no such record.
    init?(_ bytes: [UInt8]) {
        guard let object = (try? JSONValue(parsing: bytes))?.object, let server = object["server"]?.string,
            let issuer = object["issuer"]?.string, let clientID = object["client_id"]?.string,
            let tokenEndpoint = object["token_endpoint"]?.string, let accessToken = object["access_token"]?.string,
            let obtainedAt = object["obtained_at"]?.int(in: 0...253_402_300_799),
            let lifetime = object["lifetime"]?.int(in: Self.lifetimes)
        else { return nil }
        self.server = server
        self.issuer = issuer
        self.clientID = clientID
        self.tokenEndpoint = tokenEndpoint
        self.accessToken = accessToken
        self.obtainedAt = obtainedAt
        self.lifetime = lifetime
        refreshToken = object["refresh_token"]?.string
        revocationEndpoint = object["revocation_endpoint"]?.string
    }

    init(
        server: String, issuer: String, clientID: String, tokenEndpoint: String, revocationEndpoint: String?,
        accessToken: String, refreshToken: String?, obtainedAt: Int, lifetime: Int
    ) {
        self.server = server
        self.issuer = issuer
        self.clientID = clientID
        self.tokenEndpoint = tokenEndpoint
        self.revocationEndpoint = revocationEndpoint
        self.accessToken = accessToken
        self.refreshToken = refreshToken
        self.obtainedAt = obtainedAt
        self.lifetime = lifetime.clamped(to: Self.lifetimes)
    }
}

extension Int {
    fileprivate func clamped(to range: ClosedRange<Int>) -> Int {
        Swift.min(Swift.max(self, range.lowerBound), range.upperBound)
    }
}
