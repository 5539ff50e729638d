import JSON

/// Whether the realm is there, and names itself as tokens are expected to.
package struct IssuerCheck: Check {
    private let realmURL: String
    private let issuers: [String]
    private let discovery: Observation

    /// - Parameter issuers: those whose tokens are accepted.
    package init(realmURL: String, issuers: [String], discovery: Observation) {
        self.realmURL = realmURL
        self.issuers = issuers
        self.discovery = discovery
    }

    package var findings: [Finding] {
        guard case .answered(let status, let body, _) = discovery.outcome else { return [] }
        guard status == 200, let issuer = body?["issuer"]?.string else { return [unusable(status)] }
        guard issuers.contains(issuer) else {
            return [
                Finding(
                    "keycloak.issuer", .error,
                    "Keycloak calls itself '\(issuer)', but tokens are accepted of: \(issuers.joined(separator: ", "))",
                    advice: "Set KEYCLOAK_ISSUERS to what stands in the tokens' 'iss', byte for byte")
            ]
        }
        return [Finding("keycloak.issuer", .ok, "the issuer is \(issuer)")]
    }

    private func unusable(_ status: Int) -> Finding {
        let (message, advice) =
            switch status {
            case 404:
                (
                    "there is no realm at \(realmURL)",
                    "Check KEYCLOAK_REALM, and whether KEYCLOAK_URL needs a path such as /auth"
                )
            case 403: ("Keycloak refuses \(realmURL)", "It may ask for https: check the scheme of KEYCLOAK_URL")
            case 200: ("what answers at \(realmURL) is not Keycloak", "Check KEYCLOAK_URL")
            default: ("Keycloak answers \(status) at \(realmURL)", "Look into Keycloak's log, and check KEYCLOAK_URL")
            }
        return Finding("keycloak.issuer", .error, message, advice: advice)
    }
}

/// Whether there are keys for the signatures that are accepted.
package struct SigningKeysCheck: Check {
    private let url: String
    private let algorithms: [String]
    private let keySet: Observation

    /// - Parameter algorithms: the accepted ones, such as `RS256`.
    package init(url: String, algorithms: [String], keySet: Observation) {
        self.url = url
        self.algorithms = algorithms
        self.keySet = keySet
    }

    package var findings: [Finding] {
        switch keySet.outcome {
        case .failed(let error):
            return [
                Finding(
                    "keycloak.keys", .error, "the signing keys cannot be fetched from \(url): \(error)",
                    advice: "Set KEYCLOAK_JWKS_URL to an address of the same keys that can be reached from here")
            ]
        case .answered(let status, let body, _):
            guard status == 200, let keys = body?["keys"]?.array else {
                return [
                    Finding(
                        "keycloak.keys", .error, "\(url) answers \(status) and no signing keys",
                        advice: "Check KEYCLOAK_JWKS_URL, or what Keycloak's discovery document says of 'jwks_uri'")
                ]
            }
            let found = Set(
                keys.filter { $0["use"]?.string ?? "sig" == "sig" }.compactMap { $0["alg"]?.string })
            let usable = algorithms.filter(found.contains)
            guard !usable.isEmpty else {
                return [
                    Finding(
                        "keycloak.keys", .error,
                        "Keycloak signs with \(Self.list(found)), and accepted is \(algorithms.joined(separator: ", "))",
                        advice: "Set KEYCLOAK_ALGORITHMS to what the realm signs access tokens with")
                ]
            }
            return [Finding("keycloak.keys", .ok, "there are signing keys for \(usable.joined(separator: ", "))")]
        }
    }

    private static func list(_ names: Set<String>) -> String {
        names.isEmpty ? "nothing that is known" : names.sorted().joined(separator: ", ")
    }
}
