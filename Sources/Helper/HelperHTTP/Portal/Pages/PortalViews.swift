import HelperCore

// What each page of the portal shows. A view is a value: the handlers fill it, `render(in:)` makes the HTML. Text of 3scale, of
// Keycloak and of users is stored as it came; rendering escapes it. Times are seconds since 1970.

// MARK: Around every page

/// What every page has around its content.
struct PortalPage: Sendable {
    var locale: PortalLocale = .en
    /// Stands in every form that changes something.
    var csrfToken = ""
    /// The username; nil for a page that needs no session.
    var signedInAs: String?
    var requestID = ""
    /// How old the data is in seconds, where 3scale could not be asked for newer data.
    var staleSeconds: Int?
    /// A page that answers `GET`, without `lang` and `done`: where the language links lead.
    var path = ReturnPath.home
    /// The time at which the page is made, for "expires in 5 days".
    var now = 0
    /// What the form before the redirect has done.
    var notice: PortalNotice?
}

/// What a form has done, as the page after the redirect says it. The raw value stands in `?done=`.
enum PortalNotice: String, Sendable, CaseIterable {
    case created, pending, existing, rotated, paused, resumed, revoked, changed
    case planChanged = "plan-changed"
    /// The session had to be renewed first, and what the form asked for was not done.
    case notSent = "not-sent"
}

// MARK: Parts of pages

/// Why something cannot be shown or done.
struct PortalFailure: Error, Equatable {
    /// Of `HelperError.Code`, such as `UPSTREAM_UNAVAILABLE`; a code without words of its own is explained by its status.
    var code: String
    var status: Int
    var retryAfterSeconds: Int?
    /// The fault lies in Keycloak, where the code alone would mean 3scale.
    var isKeycloaks = false
    /// The form is refused, where the code alone would mean the person's rights.
    var isOfForm = false
}

/// One row of the list of services.
struct ServiceRow: Sendable {
    var systemName: String
    var name: String
    /// The description as 3scale has it; the page shows its beginning.
    var description: String?
    /// Of the key `default` or another that works, else of one that does not; nil without one.
    var keyState: KeyState?
    var keyCount = 0
    var planName: String?
}

/// One plan, as a column of the table that shows plans side by side.
struct PlanColumn: Sendable {
    var id: String
    var name: String
    var isDefault = false
    var needsApproval = false
    /// Nil when 3scale did not answer for them; empty for a plan without limits.
    var limits: [PlanLimit]?
}

/// One API key in a list, or at the head of its own page.
struct KeyRow: Sendable {
    /// The id of `/keys/{id}`.
    var id: String
    var name: String
    var note: String?
    var serviceName: String
    var serviceSystemName: String
    var state: KeyState
    var planName: String?
    /// Beginning and end of the secret.
    var hint: String?
    var fingerprint: String?
    var createdAt: Int?
    var expiresAt: Int?
    var retiresAt: Int?
    /// `2026-03-02`.
    var lastUsedOn: String?
    var generation = 1
    /// The id of the key that this one replaces.
    var replaces: String?
}

/// The secret of a key, only in the answer to a `POST` that reveals it.
struct RevealedCredentials: Sendable {
    /// The API key, the app key, or the client secret.
    var secret: String
    /// The app id or the client id, where there are two parts.
    var id: String?
}

/// How a service is called.
struct ServiceAccess: Sendable {
    /// The production endpoint; nil when 3scale knows none.
    var endpoint: String?
    var authentication: AuthenticationMethod
    var placement: CredentialsPlacement
    /// Where an OIDC service's tokens come from; nil for the other methods, or unknown.
    var tokenEndpoint: String?
    /// As the model answered to the last test; empty when unknown.
    var modelIDs: [String] = []
}

/// Calls of a key, one metric.
struct UsageSeries: Sendable {
    struct Point: Sendable {
        /// The beginning of its period.
        var time: Int
        var value: Int
    }

    /// The metric's name as people read it.
    var metric: String
    var granularity: UsagePeriod.Granularity = .day
    /// Ascending in time.
    var points: [Point]
    var total: Int
}

/// What a test of a key found out.
struct TestVerdict: Sendable {
    var verdict: KeyVerdict.Word
    /// Of the key, as 3scale has it.
    var state: KeyState = .live
    /// How long 3scale's gateways may let a stopped key pass.
    var gatewayDelaySeconds = 60
    /// The HTTP status of the gateway, where there was one.
    var status: Int?
    var latencyMilliseconds: Int?
    var modelIDs: [String] = []
}

// MARK: Pages

/// `/` without a session.
struct SignedOutView: Sendable {
    enum Reason: Sendable, CaseIterable {
        case sessionEnded, signInFailed, signInCancelled
    }

    var reason: Reason?
    /// The path to return to after sign-in, checked by the handler; `/` goes without.
    var returnTo = "/"
}

/// `/` with a session.
struct ServicesView: Sendable {
    /// Those that match `query`.
    var services: [ServiceRow]
    /// How many there are in all.
    var total: Int
    var query = ""
    /// The catalogue could not be read and none is cached.
    var failure: PortalFailure?
    /// The catalogue is known but the caller's keys could not be read.
    var keysFailure: PortalFailure?
}

/// `/services/{system_name}`.
struct ServiceView: Sendable {
    /// Whether a key can be made now.
    enum KeyOffer: Sendable, Equatable {
        case offered
        /// As many keys as the operator allows.
        case limitReached(Int)
        /// No plan is offered.
        case noPlans
        /// The service's settings could not be read.
        case unavailable
        /// The caller's keys could not be read.
        case unknown
    }

    var systemName: String
    var name: String
    /// CommonMark.
    var description: String?
    var access: ServiceAccess
    var plans: [PlanColumn]
    /// Or why they could not be read.
    var keys: Result<[KeyRow], PortalFailure>
    var offer: KeyOffer = .offered
    /// Whether secrets may be revealed after the call that made the key (`MLAAS_SHOW_ONCE` is off).
    var canReveal = true
    /// The key whose secret the snippets show, after `POST /keys/{id}/reveal` with `view=service`.
    var revealed: RevealedCredentials?
    /// The key of the snippets; nil without a live one.
    var snippetKeyID: String?
}

/// `/keys`.
struct KeysView: Sendable {
    var keys: [KeyRow]
    var failure: PortalFailure?
}

/// `/keys/{id}`.
struct KeyView: Sendable {
    enum Usage: Sendable {
        case series([UsageSeries])
        case failed(PortalFailure)
    }

    var key: KeyRow
    var access: ServiceAccess
    /// Nil when 3scale did not answer for them; empty for a plan without limits.
    var limits: [PlanLimit]?
    var usage: Usage
    /// After `POST /keys/{id}/test`.
    var verdict: TestVerdict?
    /// After `POST /keys/{id}/reveal`.
    var revealed: RevealedCredentials?
    var canReveal = true
    /// There is another plan to change to.
    var canChangePlan = false
}

/// The page before a change: it says what will happen.
struct ConfirmView: Sendable {
    enum Action: Sendable {
        /// For the service of this name. The form posts `name`, `note`, `plan_id`.
        case getKey(GetKey)
        /// Grace in seconds during which the old secret works on.
        case rotate(KeyRow, graceSeconds: Int)
        case pause(KeyRow)
        case resume(KeyRow)
        case revoke(KeyRow)
        /// The form posts `plan_id`.
        case changePlan(KeyRow, plans: [PlanColumn], selected: String?)
        /// The form posts `note` and `ends`: `as-is`, `never` or one of the lives in days.
        case edit(KeyRow, lifetimes: [Int], mayLastForEver: Bool)
    }

    struct GetKey: Sendable {
        var serviceName: String
        var serviceSystemName: String
        var plans: [PlanColumn]
        var selected: String?
        /// What the form was sent with, when it comes back with an error.
        var name = "default"
        var note = ""
        /// When a key made now would end; nil for never.
        var expiresAt: Int?
        var nameError = false
    }

    var action: Action
    /// How long 3scale's gateways may let a stopped key pass.
    var gatewayDelaySeconds = 60
}

/// `/me`.
struct MeView: Sendable {
    var username: String
    var email: String?
    /// `iss` and `sub`, as support asks for them.
    var issuer: String
    var subject: String
    var roles: [String]
    /// Where the command line signs in: the address of this helper.
    var serverURL: String
    var sessionEndsAt: Int?
}

/// A page for a failure: what happened, whose fault it is, what to do, and the request id.
struct FailureView: Sendable {
    var failure: PortalFailure
    /// What was wrong with single fields, as the API says it.
    var details: [String] = []
}
