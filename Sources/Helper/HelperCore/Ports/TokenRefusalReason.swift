/// The check that a token failed, in the order of the checks. The raw value is the name in metrics and logs.
package enum TokenRefusalReason: String, Error, CaseIterable {
    case tooLong = "too_long"
    case notCompact = "not_compact"
    case encoding
    case header
    case algorithm
    case keyID = "key_id"
    case type
    case criticalHeader = "critical_header"
    case payload
    case unknownIssuer = "issuer"
    case unknownKey = "unknown_key"
    case keyMismatch = "key_mismatch"
    case signature
    case notBefore = "not_before"
    case issuedInFuture = "issued_in_future"
    case expired
    case times
    case lifetime
    case audience
    case authorizedParty = "authorized_party"
    case kind
    case senderConstrained = "sender_constrained"
    case subject
    case username
    /// The issuer no longer stands by it.
    case inactive

    package func refusal(hint: String? = nil) -> TokenRefusal {
        TokenRefusal(check: self, hint: hint, isExpired: self == .expired)
    }
}
