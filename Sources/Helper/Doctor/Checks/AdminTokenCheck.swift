import HelperCore
import JSON

/// What the first answer of 3scale says of our admin token. 3scale knows no 401: a 403 has several meanings, told apart
/// by its body.
package struct AdminTokenCheck: Check {
    private static let name = "3scale.token"

    private let observation: Observation

    /// - Parameter observation: of `GET services`.
    package init(_ observation: Observation) { self.observation = observation }

    package var isAccepted: Bool { observation.document?["services"]?.array != nil }

    package var findings: [Finding] {
        guard case .answered(let status, let body, let isEmpty) = observation.outcome else { return [] }
        if isAccepted { return [Finding(Self.name, .ok, "3scale accepts the admin token")] }
        let (message, advice) =
            observation.isHTML ? Self.page(status) : Self.words(status, body, isEmpty)
        return [Finding(Self.name, .error, message, advice: advice)]
    }

    /// A page for people says nothing of our token: something in front of 3scale answered.
    private static func page(_ status: Int) -> (String, String) {
        (
            "a web page answers (\(status)) in place of 3scale's admin API",
            DependencyAdvice.threeScalePage
        )
    }

    private static func words(_ status: Int, _ body: JSONValue?, _ isEmpty: Bool) -> (String, String) {
        switch status {
        case 403 where isEmpty:
            ("3scale refuses everything: the tenant is suspended", "Have the tenant resumed in the master portal")
        case 403 where body?["error"]?.string == "Access denied":
            (
                "3scale does not know the admin token: it is wrong, expired, deleted, or of another tenant",
                "Make a new access token on this tenant's admin portal and set THREESCALE_ADMIN_API_KEY"
            )
        case 403 where body?["error"] != nil:
            (
                "the admin token may not use the Account Management API",
                "Give it the scope 'Account Management API', and its owner the permission for accounts (partners)"
            )
        case 403: ("the owner of the admin token may not do this", "Use a token of an admin user")
        case 404:
            (
                "there is no admin API at this address",
                "Set THREESCALE_ADMIN_API_URL to the tenant's admin portal, not to the developer portal"
            )
        case 429:
            (
                "3scale limits how often we may call it (429)",
                DependencyAdvice.threeScaleLimit
            )
        case 400:
            (
                "3scale answers 400 to a well-formed request: the port probably speaks TLS",
                "Use https in THREESCALE_ADMIN_API_URL, or the port that speaks plain http"
            )
        case 300...399:
            ("3scale sends us elsewhere (\(status))", "Use the https address in THREESCALE_ADMIN_API_URL")
        case 500...599: ("3scale answers \(status)", DependencyAdvice.threeScaleFault)
        case 200: ("what answers is not 3scale's admin API", "Check THREESCALE_ADMIN_API_URL")
        default: ("3scale answers \(status)", "Check THREESCALE_ADMIN_API_URL")
        }
    }
}

/// Whether our token may write. 3scale lists the tokens of a token's owner, and not which of them is asking: what all that
/// may be ours have in common is certain.
package struct PermissionCheck: Check {
    private static let name = "3scale.permission"
    private static let advice =
        "Make a token with scope 'Account Management API' and permission 'Read & Write', and set THREESCALE_ADMIN_API_KEY"

    private let tokens: Observation

    /// - Parameter tokens: of `GET personal/access_tokens`.
    package init(tokens: Observation) { self.tokens = tokens }

    package var findings: [Finding] {
        guard let listed = tokens.document?["access_tokens"]?.array else {
            return [
                Finding(
                    Self.name, .info,
                    "3scale does not say what the admin token may do\(tokens.status.map { " (\($0))" } ?? "")",
                    advice: "Make sure that its permission is 'Read & Write'")
            ]
        }
        // The others cannot have been let in.
        let candidates = listed.compactMap { $0["access_token"] }.filter {
            $0["scopes"]?.array?.contains { $0.string == "account_management" } == true
        }
        let readers = candidates.filter { $0["permission"]?.string != "rw" }
        if candidates.isEmpty {
            return [Finding(Self.name, .info, "3scale does not list the admin token", advice: Self.advice)]
        }
        if readers.isEmpty { return [Finding(Self.name, .ok, "the admin token may read and write")] }
        if readers.count == candidates.count {
            return [
                Finding(
                    Self.name, .error, "the admin token may only read, so that no key can be created",
                    advice: Self.advice)
            ]
        }
        return [
            Finding(
                Self.name, .warning,
                "\(readers.count) of the \(candidates.count) tokens of the admin token's owner may only read; which is "
                    + "ours, 3scale does not say",
                advice: "Make sure that it is none of: \(Self.names(readers))")
        ]
    }

    private static func names(_ tokens: [JSONValue]) -> String {
        tokens.prefix(5).map { "'\($0["name"]?.string ?? "?")'" }.joined(separator: ", ")
    }
}

/// Whether people who are new to 3scale can be signed up.
package struct AccountPlanCheck: Check {
    private static let name = "3scale.account_plan"

    private let plans: Observation

    /// - Parameter plans: of `GET account_plans`.
    package init(plans: Observation) { self.plans = plans }

    package var findings: [Finding] {
        guard let listed = plans.document?["plans"]?.array else {
            return [
                Finding(
                    Self.name, .info, "the account plans cannot be seen\(plans.status.map { " (\($0))" } ?? "")",
                    advice: "Make sure that there is a default account plan")
            ]
        }
        guard let plan = listed.compactMap({ $0["account_plan"] }).first(where: { $0["default"]?.bool == true }) else {
            return [
                Finding(
                    Self.name, .error, "no account plan is the default, so that no new person can be signed up",
                    advice: "Choose a default account plan under Audience > Accounts > Account Plans")
            ]
        }
        guard plan["approval_required"]?.bool != true else {
            return [
                Finding(
                    Self.name, .info,
                    "new accounts await approval; the helper approves them where its token's owner is an admin")
            ]
        }
        return [Finding(Self.name, .ok, "new people can be signed up")]
    }
}
