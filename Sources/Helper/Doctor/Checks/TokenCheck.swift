package import HelperCore

/// Whether a real access token is accepted: the only proof of audience, issuer and clock together.
package struct TokenCheck: Check {
    package enum Sample: Sendable {
        /// There was no way to get one.
        case none
        /// Keycloak did not give one to the client itself: its `error`.
        case notIssued(error: String)
        /// The file given cannot be read.
        case unreadable(path: String)
        case judged(TokenVerdict, source: String)
    }

    private let audiences: [String]
    private let sample: Sample

    package init(audiences: [String], sample: Sample) {
        self.audiences = audiences.sorted()
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
        case .unreadable(let path):
            return Finding(
                "keycloak.token", .error, "the token file \(path) cannot be read", advice: "Check --token-file")
        case .judged(.accepted(let caller), let source):
            return Finding("keycloak.token", .ok, "\(source) is accepted, of user \(caller.username)")
        case .judged(.refused(let refusal), let source):
            return Finding(
                "keycloak.token", .error, "\(source) is refused by the check '\(refusal.check)'",
                advice: refusal.hint ?? Self.advice(refusal, wanted))
        case .judged(.undecided, let source), .judged(.unavailable, let source):
            return Finding(
                "keycloak.token", .error, "\(source) cannot be checked: Keycloak does not answer what must be asked",
                advice: "See the finding about keys, and KEYCLOAK_INTROSPECTION if it is on")
        }
    }

    private static func advice(_ refusal: TokenRefusal, _ audiences: String) -> String {
        switch refusal.check {
        case "expired": "Get a fresh token, and compare the clocks"
        case "audience":
            "Add an audience mapper for one of \(audiences) to the client that asks for tokens, or set KEYCLOAK_AUDIENCE"
        default: "Compare the token with the KEYCLOAK_ settings; docs/doctor.md says what each check wants"
        }
    }
}
