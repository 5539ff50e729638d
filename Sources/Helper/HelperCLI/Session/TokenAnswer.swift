import JSON

/// What a token endpoint answers (RFC 6749 §5.1).
struct TokenAnswer: Sendable, Equatable {
    /// Where an answer has no lifetime, the shortest that is usual.
    private static let usualLifetime = 60

    let accessToken: String
    let refreshToken: String?
    /// Seconds.
    let lifetime: Int

    init?(_ object: JSONObject) {
        guard let token = object["access_token"]?.string, !token.isEmpty,
            token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { return nil }
        accessToken = token
        refreshToken = object["refresh_token"]?.string
        lifetime = object["expires_in"]?.int(in: 1...31_536_000) ?? Self.usualLifetime
    }
}

/// What an endpoint of OAuth refuses with (RFC 6749 §5.2, RFC 8628 §3.5).
struct OAuthRefusal: Error, Sendable, Equatable {
    let code: String
    let description: String?
    let status: Int

    /// The words for people.
    var words: String { description.map { "\(code): \($0)" } ?? code }
}

/// The endpoints of an issuer's discovery document (OpenID Connect Discovery 1.0 §4).
struct IssuerEndpoints: Sendable, Equatable {
    let issuer: String
    let authorization: String?
    let token: String
    let device: String?
    let revocation: String?

    /// Nil where the document names no token endpoint, or is another issuer's.
    init?(_ object: JSONObject, issuer: String) {
        guard object["issuer"]?.string == issuer, let token = object["token_endpoint"]?.string else { return nil }
        self.issuer = issuer
        self.token = token
        authorization = object["authorization_endpoint"]?.string
        device = object["device_authorization_endpoint"]?.string
        revocation = object["revocation_endpoint"]?.string
    }
}

/// The answer that begins a sign-in on another device (RFC 8628 §3.2).
struct DeviceCode: Sendable, Equatable {
    let deviceCode: String
    let userCode: String
    let verificationURL: String
    let completeURL: String?
    /// Seconds.
    let lifetime: Int
    /// Seconds between two questions.
    let interval: Int

    init?(_ object: JSONObject) {
        guard let deviceCode = object["device_code"]?.string, let userCode = object["user_code"]?.string,
            let url = object["verification_uri"]?.string
        else { return nil }
        self.deviceCode = deviceCode
        self.userCode = userCode
        verificationURL = url
        completeURL = object["verification_uri_complete"]?.string
        lifetime = object["expires_in"]?.int(in: 1...86_400) ?? 600
        interval = object["interval"]?.int(in: 1...300) ?? 5
    }
}
