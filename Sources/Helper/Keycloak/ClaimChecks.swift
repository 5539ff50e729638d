import HelperCore
import JSON

/// The checks of a signed payload (RFC 7519 §4.1, RFC 9068 §4, RFC 8725 §3), each by itself and in this order.
struct ClaimChecks {
    private static let textBytesMax = 256

    let policy: TokenPolicy
    /// Seconds since 1970-01-01T00:00:00Z.
    let now: Double

    /// Who the payload speaks for.
    func caller(_ claims: JSONValue) throws(TokenRefusal) -> Caller {
        let issuer = try issuer(claims)
        try checkTimes(claims)
        try checkAudience(claims)
        try checkKind(claims)
        // A bound token is good only together with a proof, which is not asked for here (RFC 9449 §7, RFC 8705 §3).
        if claims["cnf"] != nil { throw TokenRefusalReason.senderConstrained.refusal() }
        return try identity(claims, issuer)
    }

    private func issuer(_ claims: JSONValue) throws(TokenRefusal) -> String {
        guard let issuer = claims["iss"]?.string, policy.issuers.contains(issuer) else {
            throw TokenRefusalReason.unknownIssuer.refusal()
        }
        return issuer
    }

    // MARK: Times

    private func checkTimes(_ claims: JSONValue) throws(TokenRefusal) {
        let skew = Double(policy.clockSkew.components.seconds)
        guard let expiry = try time(claims, "exp"), expiry > 0 else { throw TokenRefusalReason.times.refusal() }
        guard now < expiry + skew else { throw TokenRefusalReason.expired.refusal() }
        if let start = try time(claims, "nbf"), start > now + skew { throw TokenRefusalReason.notBefore.refusal() }
        if let issued = try time(claims, "iat"), issued > now + skew {
            throw TokenRefusalReason.issuedInFuture.refusal(
                hint: "The clocks of this host and of Keycloak are apart by more than the skew allowed.")
        }
    }

    /// A NumericDate: a finite number in 0...2^53, fractions allowed.
    private func time(_ claims: JSONValue, _ name: String) throws(TokenRefusal) -> Double? {
        guard let value = claims[name] else { return nil }
        guard let seconds = value.double, (0...9_007_199_254_740_992).contains(seconds) else {
            throw TokenRefusalReason.times.refusal()
        }
        return seconds
    }

    // MARK: Audience and kind

    private func checkAudience(_ claims: JSONValue) throws(TokenRefusal) {
        let audiences: [String]
        switch claims["aud"] {
        case .string(let one): audiences = [one]
        case .array(let several):
            audiences = several.compactMap(\.string)
            guard audiences.count == several.count else { throw TokenRefusalReason.audience.refusal() }
        case nil: audiences = []
        default: throw TokenRefusalReason.audience.refusal()
        }
        if !policy.audiences.isDisjoint(with: audiences) { return }
        if policy.allowsAuthorizedParty, claims["azp"]?.string == policy.clientID { return }
        let hint =
            audiences == ["account"] || audiences.isEmpty
            ? "Keycloak puts a client into 'aud' only with an audience mapper: add one for '\(policy.clientID)' to the "
                + "client that requested the token, or to one of its client scopes."
            : nil
        throw TokenRefusalReason.audience.refusal(hint: hint)
    }

    /// An access token and nothing else that the same key signs.
    private func checkKind(_ claims: JSONValue) throws(TokenRefusal) {
        if let type = claims["typ"] {
            guard let text = type.string, text.lowercased() == "bearer" else {
                throw TokenRefusalReason.kind.refusal(
                    hint: type.string == "ID" ? "An ID token was sent; send the access token." : nil)
            }
            return
        }
        // Other providers have no such claim: what only other kinds of token have decides.
        let isOther = ["nonce", "at_hash", "events"].contains { claims[$0] != nil }
        let isAccess = ["scope", "client_id", "azp"].contains { claims[$0] != nil }
        guard !isOther, isAccess else { throw TokenRefusalReason.kind.refusal() }
    }

    // MARK: Identity

    private func identity(_ claims: JSONValue, _ issuer: String) throws(TokenRefusal) -> Caller {
        guard let subject = claims["sub"]?.string, Self.isName(subject) else {
            throw TokenRefusalReason.subject.refusal(
                hint: claims["sub"] == nil
                    ? "The token has no 'sub': the client has lightweight access tokens switched on, or lacks the client "
                        + "scope 'basic'." : nil)
        }
        var username = subject
        if let preferred = claims["preferred_username"], !preferred.isNull {
            guard let name = preferred.string, Self.isName(name) else { throw TokenRefusalReason.username.refusal() }
            username = name
        }
        return Caller(
            issuer: issuer, subject: subject, username: username,
            email: claims["email"]?.string.flatMap { Self.isName($0) ? $0 : nil },
            realmRoles: Self.roles(claims["realm_access"]),
            clientRoles: Self.clientRoles(claims["resource_access"]))
    }

    /// Not empty, of bounded length, without control characters.
    private static func isName(_ text: String) -> Bool {
        (1...textBytesMax).contains(text.utf8.count)
            && text.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) }
    }

    /// `{"roles": [...]}`; anything of another shape grants nothing.
    private static func roles(_ value: JSONValue?) -> Set<String> {
        guard let roles = value?["roles"]?.array else { return [] }
        let names = roles.compactMap(\.string)
        return names.count == roles.count ? Set(names) : []
    }

    private static func clientRoles(_ value: JSONValue?) -> [String: Set<String>] {
        var roles: [String: Set<String>] = [:]
        for (client, access) in value?.object?.members ?? [] { roles[client] = self.roles(access) }
        return roles
    }
}
