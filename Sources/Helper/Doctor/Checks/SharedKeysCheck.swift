package import JSON

/// Whether two identity issuers publish one signing key: they are then one realm under two names, and each person has two sets of
/// API keys, of which the second is refused on the account of the first.
package struct SharedKeysCheck: Check {
    /// An accepted issuer, and the key set that its discovery document names.
    package struct Issuer: Sendable {
        let issuer: String
        let identity: String
        let keySet: JSONValue?

        /// - Parameter keySet: nil where it could not be fetched.
        package init(_ issuer: String, identity: String, keySet: JSONValue?) {
            self.issuer = issuer
            self.identity = identity
            self.keySet = keySet
        }

        /// The key material; identifiers may be equal by chance.
        fileprivate var keys: Set<String> {
            Set((keySet?["keys"]?.array ?? []).compactMap { $0["n"]?.string ?? $0["x"]?.string })
        }
    }

    private let issuers: [Issuer]

    /// - Parameter issuers: all that are accepted, in the order of KEYCLOAK_ISSUERS.
    package init(_ issuers: [Issuer]) { self.issuers = issuers }

    package var findings: [Finding] {
        guard issuers.count > 1 else { return [] }
        var findings: [Finding] = []
        for (index, second) in issuers.enumerated() {
            let first = issuers[..<index].first {
                $0.identity != second.identity && !$0.keys.isDisjoint(with: second.keys)
            }
            guard let first else { continue }
            findings.append(
                Finding(
                    "keycloak.identity", .warning,
                    "\(first.issuer) and \(second.issuer) publish the same signing key, so that they are one realm, but people "
                        + "of the second are other owners (409 IDENTITY_CONFLICT)",
                    advice: "Write \(second.issuer)=\(first.identity) in KEYCLOAK_ISSUERS"))
        }
        return findings.isEmpty
            ? [Finding("keycloak.identity", .ok, "no two identity issuers publish one signing key")] : findings
    }
}
