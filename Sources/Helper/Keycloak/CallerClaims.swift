import HelperCore
import JSON

/// The claims that say who a caller is and what they may do. A claim of another shape than Keycloak's grants nothing.
struct CallerClaims {
    private static let textBytesMax = 256
    /// Characters.
    private static let userNameMax = 255

    private let claims: JSONValue
    private let policy: TokenPolicy

    init(_ claims: JSONValue, policy: TokenPolicy) {
        self.claims = claims
        self.policy = policy
    }

    func caller(issuer: String) throws(TokenRefusal) -> Caller {
        guard let subject = claims["sub"]?.string, Self.isName(subject) else {
            throw TokenRefusalReason.subject.refusal(hint: TokenHints.subject(isMissing: claims["sub"] == nil))
        }
        var username = subject
        if let preferred = claims["preferred_username"], !preferred.isNull {
            guard let name = preferred.string else { throw Self.unusableName(.notText) }
            if let problem = Self.userNameProblem(name) { throw Self.unusableName(problem) }
            username = name
        }
        return Caller(
            issuer: issuer, subject: subject, username: username,
            email: claims["email"]?.string.flatMap { Self.isName($0) ? $0 : nil },
            isEmailVerified: claims["email_verified"]?.bool == true, roles: roles)
    }

    /// A role of the same name at another client than ours means nothing here.
    private var roles: Set<ExactName> {
        guard !policy.roles.isEmpty else { return [] }
        let all = Self.roles(claims["realm_access"]) + Self.roles(claims["resource_access"]?[policy.clientID])
        return policy.roles.intersection(all)
    }

    private static func userNameProblem(_ name: String) -> UserNameProblem? {
        if name.isEmpty { return .empty }
        if name.unicodeScalars.count > userNameMax { return .tooLong(charactersMax: userNameMax) }
        return hasControls(name) ? .controlCharacters : nil
    }

    private static func unusableName(_ problem: UserNameProblem) -> TokenRefusal {
        TokenRefusal(check: .username, userNameProblem: problem)
    }

    private static func hasControls(_ text: String) -> Bool {
        text.unicodeScalars.contains { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) }
    }

    /// Not empty, of bounded length, without control characters.
    private static func isName(_ text: String) -> Bool {
        (1...textBytesMax).contains(text.utf8.count) && !hasControls(text)
    }

    /// `{"roles": [...]}`.
    private static func roles(_ value: JSONValue?) -> [ExactName] {
        guard let roles = value?["roles"]?.array else { return [] }
        let names = roles.compactMap(\.string)
        return names.count == roles.count ? names.map { ExactName($0) } : []
    }
}
