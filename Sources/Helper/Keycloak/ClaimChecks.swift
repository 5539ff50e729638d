import HelperCore
import JSON

/// The checks of a signed payload (RFC 7519 §4.1, RFC 9068 §4, RFC 8725 §3), each by itself and in this order.
struct ClaimChecks {
    /// The largest whole number that a Double tells from its neighbours.
    private static let timeMax = 1 << 53

    let policy: TokenPolicy
    /// Seconds since 1970-01-01T00:00:00Z.
    let now: Double

    /// Who the payload speaks for.
    /// - Parameter issuer: the identity issuer of `iss`.
    func caller(_ claims: JSONValue, issuer: String) throws(TokenRefusal) -> Caller {
        try checkToken(claims)
        try checkAudience(claims)
        return try CallerClaims(claims, policy: policy).caller(issuer: issuer)
    }

    /// What can be checked without knowing whose it is: that it is an access token, unbound and in time.
    func checkToken(_ claims: JSONValue) throws(TokenRefusal) {
        try checkTimes(claims)
        try checkKind(claims)
        // A bound token is good only together with a proof, which is not asked for here (RFC 9449 §7, RFC 8705 §3).
        if claims["cnf"] != nil { throw TokenRefusalReason.senderConstrained.refusal() }
    }

    /// When the token ends, skew included: seconds since 1970. Only for claims that passed.
    func end(of claims: JSONValue) -> Double { (claims["exp"]?.double ?? 0) + policy.skew }

    // MARK: Times

    func checkTimes(_ claims: JSONValue) throws(TokenRefusal) {
        guard let expiry = try time(claims, "exp"), expiry > 0 else { throw TokenRefusalReason.times.refusal() }
        guard now < expiry + policy.skew else { throw TokenRefusalReason.expired.refusal() }
        if let start = try time(claims, "nbf"), start > now + policy.skew {
            throw TokenRefusalReason.notBefore.refusal(hint: TokenHints.clock)
        }
        let issued = try time(claims, "iat")
        if let issued, issued > now + policy.skew {
            throw TokenRefusalReason.issuedInFuture.refusal(hint: TokenHints.clock)
        }
        if let limit = policy.maxLifetime {
            guard let issued, expiry - issued <= Double(limit.components.seconds) else {
                throw TokenRefusalReason.lifetime.refusal(
                    hint: "The token lives longer than KEYCLOAK_MAX_TOKEN_LIFETIME allows, or has no 'iat'.")
            }
        }
    }

    /// A NumericDate: a finite number in 0...2^53, fractions allowed.
    private func time(_ claims: JSONValue, _ name: String) throws(TokenRefusal) -> Double? {
        guard let value = claims[name] else { return nil }
        // A whole number is compared before it becomes a Double, which would round it into the range.
        let isFraction = value.int(in: .min ... .max) == nil
        guard let seconds = value.double, isFraction || value.int(in: 0...Self.timeMax) != nil,
            (0...Double(Self.timeMax)).contains(seconds)
        else { throw TokenRefusalReason.times.refusal() }
        return seconds
    }

    // MARK: Audience and kind

    func checkAudience(_ claims: JSONValue) throws(TokenRefusal) {
        let audiences: [String]
        switch claims["aud"] {
        case .string(let one): audiences = [one]
        case .array(let several):
            audiences = several.compactMap(\.string)
            guard audiences.count == several.count else { throw TokenRefusalReason.audience.refusal() }
        case nil: audiences = []
        default: throw TokenRefusalReason.audience.refusal()
        }
        let party = claims["azp"]?.string
        let isIssuedToUs = party.map { ExactName($0) == ExactName(policy.clientID) } ?? false
        guard
            audiences.contains(where: { policy.audiences.contains(ExactName($0)) })
                || (policy.allowsAuthorizedParty && isIssuedToUs)
        else {
            throw TokenRefusalReason.audience.refusal(
                hint: TokenHints.audience(audiences, policy, authorizedParty: party))
        }
        if let allowed = policy.authorizedParties {
            guard let party, allowed.contains(ExactName(party)) else {
                throw TokenRefusalReason.authorizedParty.refusal(hint: TokenHints.authorizedParty(party))
            }
        }
    }

    /// An access token and nothing else that the same key signs.
    private func checkKind(_ claims: JSONValue) throws(TokenRefusal) {
        if let type = claims["typ"] {
            guard let text = type.string, asciiLowercased(text) == "bearer" else {
                throw TokenRefusalReason.kind.refusal(hint: TokenHints.kind(type.string))
            }
            return
        }
        // Other providers have no such claim: what only other kinds of token have decides.
        let isOther = ["nonce", "at_hash", "events"].contains { claims[$0] != nil }
        let isAccess = ["scope", "client_id", "azp"].contains { claims[$0] != nil }
        guard !isOther, isAccess else { throw TokenRefusalReason.kind.refusal() }
    }
}
