package import HelperCore

/// Whether a real access token is accepted: the only proof of audience, issuer and clock together.
package struct TokenCheck: Check {
    package enum Sample: Sendable {
        /// There was no way to get one.
        case none
        /// Keycloak did not give one to the client itself: its `error`.
        case notIssued(error: String)
        /// Keycloak knows the client, and its secret is another.
        case wrongSecret
        /// The file given cannot be read.
        case unreadable(path: String)
        /// - Parameter ofUser: a user's; else one of the client itself, whose roles say nothing of people's.
        case judged(TokenVerdict, source: String, ofUser: Bool = true)
    }

    private let audiences: [String]
    private let sample: Sample
    private let access: AccessPolicy

    /// - Parameter access: which callers are let in.
    package init(audiences: [String], sample: Sample, access: AccessPolicy = AccessPolicy()) {
        self.audiences = audiences.sorted()
        self.access = access
        self.sample = sample
    }

    package var findings: [Finding] { [finding] }

    private var finding: Finding {
        let wanted = audiences.joined(separator: ", ")
        let byFile = "Give a user's token in a file: doctor --token-file PATH"
        switch sample {
        case .none:
            return Finding(
                "keycloak.token", .info, "no token was looked at, so the audience (\(wanted)) is not proven",
                advice: byFile)
        case .notIssued(let error):
            return Finding(
                "keycloak.token", .info,
                "Keycloak gives the client itself no token (\(error)), so the audience (\(wanted)) is not proven",
                advice: byFile)
        case .wrongSecret:
            return Finding(
                "keycloak.token", .warning,
                "Keycloak refuses the client's secret, so the audience (\(wanted)) is not proven",
                advice: "Set KEYCLOAK_CLIENT_SECRET to the secret of KEYCLOAK_CLIENT_ID")
        case .unreadable(let path):
            return Finding(
                "keycloak.token", .error, "the token file \(path) cannot be read", advice: "Check --token-file")
        case .judged(.accepted(let caller), let source, let ofUser) where !access.admits(caller):
            let role = access.requiredRole?.description ?? ""
            return Finding(
                "keycloak.token", ofUser ? .error : .info,
                "\(source) is valid, of user \(caller.username), and lacks the role '\(role)' of MLAAS_REQUIRED_ROLE: "
                    + "each call with it is refused with 403",
                advice: ofUser
                    ? "Give the user the realm role or client role '\(role)', and see that the client scope 'roles' puts roles into its tokens"
                    : byFile)
        case .judged(.accepted(let caller), let source, _):
            return Finding("keycloak.token", .ok, "\(source) is accepted, of user \(caller.username)")
        case .judged(.refused(let refusal), let source, _):
            return Finding(
                "keycloak.token", .error, "\(source) is refused by the check '\(refusal.check.rawValue)'",
                advice: refusal.hint ?? Self.advice(refusal, wanted))
        case .judged(.undecided, let source, _), .judged(.unavailable, let source, _),
            .judged(.unknownKeyUnavailable, let source, _):
            return Finding(
                "keycloak.token", .error, "\(source) cannot be checked: Keycloak does not answer what must be asked",
                advice: "See the finding about keys, and KEYCLOAK_INTROSPECTION if it is on")
        }
    }

    private static func advice(_ refusal: TokenRefusal, _ audiences: String) -> String {
        switch refusal.check {
        case .expired: "Get a fresh token, and compare the clocks"
        case .tooLong:
            "The token has more than 16 KiB: leave out groups and roles that the helper does not need, by the client scopes of the client that asks for tokens"
        case .audience:
            "Add an audience mapper for one of \(audiences) to the client that asks for tokens, or set KEYCLOAK_AUDIENCE"
        default: "Compare the token with the KEYCLOAK_ settings; docs/doctor.md says what each check wants"
        }
    }
}
