package import HelperCore

/// An error of the API, for two audiences: `publicMessage` may be shown to anyone, `cause` is for our logs. Neither ever
/// holds a secret.
package struct HelperError: Error, Sendable {
    /// Every code of the API. Each has exactly one status.
    package enum Code: String, Sendable, CaseIterable {
        case invalidRequest = "INVALID_REQUEST"
        case missingServiceID = "MISSING_SERVICE_ID"
        case userInfoError = "USER_INFO_ERROR"
        case missingAuth = "MISSING_AUTH"
        case invalidToken = "INVALID_TOKEN"
        case forbidden = "FORBIDDEN"
        case notFound = "NOT_FOUND"
        case serviceNotFound = "SERVICE_NOT_FOUND"
        case planNotFound = "PLAN_NOT_FOUND"
        case keyNotFound = "KEY_NOT_FOUND"
        case keyLimitReached = "KEY_LIMIT_REACHED"
        case keyStateConflict = "KEY_STATE_CONFLICT"
        case planNeedsApproval = "PLAN_NEEDS_APPROVAL"
        case methodNotAllowed = "METHOD_NOT_ALLOWED"
        case notReady = "NOT_READY"
        case noPlansFound = "NO_PLANS_FOUND"
        case identityConflict = "IDENTITY_CONFLICT"
        case keyHasTwin = "KEY_HAS_TWIN"
        case keyUnavailable = "KEY_UNAVAILABLE"
        case accountBlocked = "ACCOUNT_BLOCKED"
        case preconditionFailed = "PRECONDITION_FAILED"
        case payloadTooLarge = "PAYLOAD_TOO_LARGE"
        case unsupportedMediaType = "UNSUPPORTED_MEDIA_TYPE"
        case headersTooLarge = "HEADERS_TOO_LARGE"
        case requestTimeout = "REQUEST_TIMEOUT"
        case uriTooLong = "URI_TOO_LONG"
        case expectationFailed = "EXPECTATION_FAILED"
        case notImplemented = "NOT_IMPLEMENTED"
        case versionNotSupported = "HTTP_VERSION_NOT_SUPPORTED"
        case overloaded = "OVERLOADED"
        case internalError = "INTERNAL_ERROR"
        case rateLimited = "RATE_LIMITED"
        case upstreamError = "UPSTREAM_ERROR"
        case accountCreationFailed = "ACCOUNT_CREATION_FAILED"
        case applicationCreationFailed = "APPLICATION_CREATION_FAILED"
        case upstreamAccessDenied = "UPSTREAM_ACCESS_DENIED"
        case upstreamUnavailable = "UPSTREAM_UNAVAILABLE"
        case upstreamTimeout = "UPSTREAM_TIMEOUT"
    }

    package let code: Code
    package let publicMessage: String
    package let details: [FieldIssue]
    /// When to try again.
    package let retryAfter: Duration?
    /// For the log.
    package let cause: String?
    /// The fault lies in Keycloak, where the code alone would mean 3scale.
    package var isKeycloaks = false
    /// A form of the portal is refused, where the code alone would mean the caller's rights.
    package var isOfForm = false

    package init(
        _ code: Code, _ publicMessage: String, details: [FieldIssue] = [], retryAfter: Duration? = nil,
        cause: String? = nil
    ) {
        self.code = code
        self.publicMessage = publicMessage
        self.details = details
        self.retryAfter = retryAfter
        self.cause = cause
    }
}
