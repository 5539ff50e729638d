import HelperCore
import JSON

/// Whether the realm is there, and names itself as tokens are expected to.
package struct IssuerCheck: Check {
    private let realmURL: String
    private let issuers: [String]
    private let discovery: Observation
    private let otherPath: String?

    /// - Parameters:
    ///   - issuers: those whose tokens are accepted.
    ///   - otherPath: the realm's URL with, or without, `/auth` when that is where Keycloak was found instead.
    package init(realmURL: String, issuers: [String], discovery: Observation, otherPath: String? = nil) {
        self.realmURL = realmURL
        self.otherPath = otherPath
        self.issuers = issuers
        self.discovery = discovery
    }

    package var findings: [Finding] {
        guard case .answered(let status, let body, _) = discovery.outcome else { return [] }
        guard status == 200, let issuer = body?["issuer"]?.string else { return [unusable(status, body)] }
        guard issuers.contains(issuer) else {
            return [
                Finding(
                    "keycloak.issuer", .error,
                    "Keycloak calls itself '\(issuer)', but tokens are accepted of: \(issuers.joined(separator: ", "))"
                        + difference(issuer),
                    advice: "Set KEYCLOAK_ISSUERS to what stands in the tokens' 'iss', byte for byte")
            ]
        }
        return [Finding("keycloak.issuer", .ok, "the issuer is \(issuer)")]
    }

    /// How the name differs from one that is accepted, where they are alike.
    private func difference(_ issuer: String) -> String {
        issuers.lazy.compactMap { IssuerDifference.words(issuer, $0) }.first.map { "; the two \($0)" } ?? ""
    }

    private func unusable(_ status: Int, _ body: JSONValue?) -> Finding {
        let (message, advice) =
            switch status {
            case _ where otherPath != nil:
                (
                    "Keycloak is not at \(realmURL) but at \(otherPath ?? "")",
                    "Set KEYCLOAK_URL to the part of it before /realms/"
                )
            case 404 where body?["error"]?.string == "Realm does not exist":
                (
                    "Keycloak knows no realm at \(realmURL)",
                    "Check KEYCLOAK_REALM: upper and lower case matter, and it is the realm's name, not its display name"
                )
            case 404:
                (
                    "there is no realm at \(realmURL)",
                    DependencyAdvice.keycloakRealm
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
