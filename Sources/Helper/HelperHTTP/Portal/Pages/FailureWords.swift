/// What a failure means to the person who sees it.
struct FailureWords: Sendable {
    let title: PortalMessage
    let what: PortalMessage
    let fault: PortalMessage
    let advice: PortalMessage
    var needsSignIn = false

    /// The words of a code; a code without words of its own has those of its status.
    init(_ failure: PortalFailure) {
        let isShownOnce = failure.code == HelperError.Code.keyStateConflict.rawValue && failure.status == 403
        let special: FailureWords? =
            if isShownOnce {
                Self.shownOnce
            } else if failure.isKeycloaks {
                Self.byKeycloak(failure.status)
            } else if failure.isOfForm {
                Self.formOfOther
            } else {
                nil
            }
        self = special ?? Self.byCode[failure.code] ?? Self.byStatus(failure.status)
    }

    private init(
        _ title: PortalMessage, _ what: PortalMessage, _ fault: PortalMessage, _ advice: PortalMessage,
        needsSignIn: Bool = false
    ) {
        self.title = title
        self.what = what
        self.fault = fault
        self.advice = advice
        self.needsSignIn = needsSignIn
    }

    /// Failures of a sign-in; nil for those that are the person's.
    private static func byKeycloak(_ status: Int) -> FailureWords? {
        switch status {
        case 502: FailureWords(.failSignInTitle, .failSignIn, .faultKeycloakSetup, .doAskOperators)
        case 503, 504: FailureWords(.failKeycloakTitle, .failKeycloak, .faultKeycloak, .doUnavailable)
        default: nil
        }
    }

    private static func byStatus(_ status: Int) -> FailureWords {
        switch status {
        case 401: session
        case 403: forbidden
        case 404, 405: notFound
        case 409: conflict
        case 429: rateLimited
        case 400..<500: form
        case 502: upstream
        case 503, 504: unavailable
        default: internalError
        }
    }

    private static let notFound = FailureWords(.failNotFoundTitle, .failNotFound, .faultRequest, .doNotFound)
    private static let forbidden = FailureWords(.failForbiddenTitle, .failForbidden, .faultRights, .doAskOperators)
    private static let conflict = FailureWords(.failConflictTitle, .failConflict, .faultRequest, .doKey)
    /// `SecretNotShown`.
    private static let shownOnce = FailureWords(.failConflictTitle, .shownOnce, .faultRights, .doKey)
    private static let form = FailureWords(.failFormTitle, .failForm, .faultRequest, .doForm)
    private static let formOfOther = FailureWords(.failFormOfOtherTitle, .failFormOfOther, .faultRequest, .doForm)
    private static let session = FailureWords(
        .failSessionTitle, .failSession, .faultRequest, .doSession, needsSignIn: true)
    private static let rateLimited = FailureWords(.failRateTitle, .failRate, .faultLoad, .doWait)
    private static let overloaded = FailureWords(.failOverloadTitle, .failOverload, .faultLoad, .doWait)
    private static let unavailable = FailureWords(
        .failUnavailableTitle, .failUnavailable, .faultThreeScale, .doUnavailable)
    private static let upstream = FailureWords(.failUpstreamTitle, .failUpstream, .faultThreeScale, .doUnavailable)
    private static let identity = FailureWords(.failIdentityTitle, .failIdentity, .faultSetup, .doAskOperators)
    private static let internalError = FailureWords(.failInternalTitle, .failInternal, .faultHelper, .doUnavailable)
    private static let plan = FailureWords(.failPlanTitle, .failPlan, .faultRequest, .doPlan)

    private static let byCode: [String: FailureWords] = [
        "NOT_FOUND": notFound, "METHOD_NOT_ALLOWED": notFound,
        "SERVICE_NOT_FOUND": FailureWords(.failServiceTitle, .failService, .faultRequest, .doNotFound),
        "KEY_NOT_FOUND": FailureWords(.failKeyTitle, .failKey, .faultRequest, .doKey),
        "PLAN_NOT_FOUND": plan, "PLAN_NEEDS_APPROVAL": plan,
        "NO_PLANS_FOUND": FailureWords(.failNoPlansTitle, .plansEmpty, .faultSetup, .doAskOperators),
        "KEY_LIMIT_REACHED": FailureWords(.failLimitTitle, .failLimit, .faultRights, .doLimit),
        "KEY_STATE_CONFLICT": conflict,
        "KEY_UNAVAILABLE": FailureWords(.failNotYetTitle, .failNotYet, .faultThreeScale, .doWait),
        "IDENTITY_CONFLICT": identity, "KEY_HAS_TWIN": identity,
        "USER_INFO_ERROR": FailureWords(.failNameTitle, .failName, .faultKeycloakSetup, .doAskOperators),
        "ACCOUNT_BLOCKED": FailureWords(.failBlockedTitle, .failBlocked, .faultRights, .doAskOperators),
        "FORBIDDEN": forbidden, "MISSING_AUTH": session, "INVALID_TOKEN": session, "INVALID_REQUEST": form,
        "RATE_LIMITED": rateLimited, "OVERLOADED": overloaded, "NOT_READY": overloaded,
        "UPSTREAM_UNAVAILABLE": unavailable, "UPSTREAM_TIMEOUT": unavailable, "UPSTREAM_ERROR": upstream,
        "UPSTREAM_ACCESS_DENIED": upstream, "ACCOUNT_CREATION_FAILED": upstream,
        "APPLICATION_CREATION_FAILED": upstream, "INTERNAL_ERROR": internalError,
    ]
}
