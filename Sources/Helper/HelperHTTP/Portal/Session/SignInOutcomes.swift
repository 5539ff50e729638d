import HelperCore
package import Telemetry

/// What became of one sign-in to the portal.
enum SignInOutcome: String, Sendable, CaseIterable {
    /// A session began.
    case signedIn = "signed_in"
    /// A session goes on: Keycloak's own session vouched for its owner, without a page.
    case renewed
    /// Keycloak has no session any more, so that its login page follows.
    case pageNeeded = "page_needed"
    case cancelled
    /// A role is missing, or the person's names cannot be used.
    case refused
    /// The answer was not Keycloak's to this browser, or Keycloak refused its code.
    case failed
    /// Keycloak cannot be reached, or refuses the helper.
    case unavailable
}

extension SignInOutcome {
    init(_ error: SignInError) {
        self =
            switch error {
            case .refused: .failed
            case .token(let refusal): refusal.userNameProblem == nil ? .unavailable : .refused
            case .unavailable, .misconfigured: .unavailable
            }
    }
}

/// Counts sign-ins to the portal, by handles that are made at start.
package final class SignInOutcomes: Sendable {
    private let counters: [SignInOutcome: Counter]

    package init(factory: any MetricsFactory) {
        counters = Dictionary(
            uniqueKeysWithValues: SignInOutcome.allCases.map { outcome in
                (
                    outcome,
                    Counter(
                        label: "mlaas_portal_sign_ins_total", dimensions: [("outcome", outcome.rawValue)],
                        factory: factory)
                )
            })
    }

    func count(_ outcome: SignInOutcome) { counters[outcome]?.increment() }
}
