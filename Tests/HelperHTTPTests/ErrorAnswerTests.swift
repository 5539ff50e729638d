import Testing

@testable import HelperCore
@testable import HelperHTTP

@Suite("Errors as callers see them")
struct ErrorAnswerTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let error: any Error
        let code: HelperError.Code
        var retryAfter: Duration?
        /// What the log must have that the caller does not get.
        var cause: String?

        init(_ error: any Error, _ code: HelperError.Code, retryAfter: Duration? = nil, cause: String? = nil) {
            self.error = error
            self.code = code
            self.retryAfter = retryAfter
            self.cause = cause
        }

        var testDescription: String { "\(error)" }
    }

    private static let account = Account(id: 5, state: "suspended")
    private static let application = Application(
        id: 9, serviceID: 7, accountID: 5, plan: PlanReference(id: 1, name: "Basic"), state: .live, description: nil,
        credentials: .userKey("cafe-key"))
    private static let unavailable = APIManagerError.unavailable(
        retryAfter: .seconds(30), cause: "503 from 10.0.0.1", outcomeUnknown: false)
    private static let denied = APIManagerError.accessDenied(cause: "denied by 10.0.0.1")
    private static let rejected = APIManagerError.rejected(
        status: 422, details: [FieldIssue(field: "username", issue: "is taken")])

    private static let catalogue: [Case] = [
        Case(
            CatalogError.notLoaded(lastFailure: "timed out"), .upstreamUnavailable, retryAfter: .seconds(2),
            cause: "timed out"),
        Case(CatalogError.noSuchService(wasDeleted: false), .serviceNotFound),
        Case(CatalogError.noSuchService(wasDeleted: true), .serviceNotFound, cause: "last refresh"),
        Case(CatalogError.noSuchPlan(3, wasDeleted: false), .planNotFound),
        Case(CatalogError.noSuchPlan(3, wasDeleted: true), .planNotFound, cause: "plan 3"),
        Case(CatalogError.noPlans(service: 1, systemName: "weather"), .noPlansFound, cause: "publish one"),
        Case(CatalogError.plansChanged, .noPlansFound, cause: "last refresh"),
        Case(
            CatalogError.endpointUnknown(service: 7), .upstreamUnavailable, retryAfter: .seconds(60), cause: "service 7"
        ),
    ]

    private static let provisioning: [Case] = [
        Case(Provisioning.Failure.identityConflict(account), .identityConflict, cause: "account 5"),
        Case(Provisioning.Failure.accountBlocked(account), .accountBlocked, cause: "suspended"),
        Case(Provisioning.Failure.keyHasTwin(application), .keyHasTwin, cause: "application 9"),
        Case(Provisioning.Failure.markNotReturned(application), .upstreamError, cause: "application 9"),
        Case(
            Provisioning.Failure.accountMissing, .upstreamUnavailable, retryAfter: .seconds(1), cause: "is not found"),
        Case(Provisioning.Failure.contested, .upstreamUnavailable, retryAfter: .seconds(1), cause: "no call could"),
        Case(Provisioning.Failure.signup(rejected), .accountCreationFailed, cause: "refused with 422"),
        Case(Provisioning.Failure.signup(denied), .upstreamAccessDenied, cause: "10.0.0.1"),
        Case(Provisioning.Failure.creation(rejected), .applicationCreationFailed, cause: "refused with 422"),
        Case(
            Provisioning.Failure.creation(unavailable), .upstreamUnavailable, retryAfter: .seconds(30),
            cause: "10.0.0.1"),
        Case(Provisioning.Failure.call(rejected), .upstreamError, cause: "refused with 422"),
        Case(CredentialMissing(application: 9), .keyUnavailable, retryAfter: .seconds(5), cause: "application 9"),
        Case(AuditTrail.NoRoom.linesWait, .overloaded, retryAfter: .seconds(5), cause: "standard output"),
        Case(AuditTrail.NoRoom.actsHoldAll, .overloaded, retryAfter: .seconds(5), cause: "3scale is slow"),
    ]

    private static let keys: [Case] = [
        Case(KeyError.notFound, .keyNotFound),
        Case(KeyError.unmarked(application: 9), .keyStateConflict, cause: "application 9"),
        Case(KeyError.endsTooLate(secondsLeft: 60), .invalidRequest),
        Case(KeyError.wrongState(.pending, .paused, application: 9), .keyStateConflict, cause: "application 9"),
        Case(KeyError.changedMeanwhile(application: 9), .keyStateConflict, cause: "application 9"),
        Case(KeyError.notRotatable(.paused, application: 9), .keyStateConflict, cause: "application 9"),
        Case(KeyError.takesTokens(service: 7), .keyStateConflict, cause: "service 7"),
        Case(KeyError.tooManyTests, .overloaded, retryAfter: .seconds(5), cause: "no connection"),
        Case(KeyError.exhausted, .keyStateConflict),
        Case(KeyError.planNeedsApproval(plan: 2, service: 7), .planNeedsApproval, cause: "plan 2"),
        Case(KeyError.limitReached(max: 3, names: 3, service: 7), .keyLimitReached, cause: "service 7"),
        Case(SecretNotShown(), .keyStateConflict, cause: "MLAAS_SHOW_ONCE"),
    ]

    private static let upstream: [Case] = [
        Case(unavailable, .upstreamUnavailable, retryAfter: .seconds(30), cause: "10.0.0.1"),
        Case(
            APIManagerError.unavailable(retryAfter: nil, cause: "refused", outcomeUnknown: true), .upstreamUnavailable,
            retryAfter: .seconds(5), cause: "refused"),
        Case(APIManagerError.timeout(cause: "slow", outcomeUnknown: true), .upstreamTimeout, cause: "slow"),
        Case(denied, .upstreamAccessDenied, cause: "10.0.0.1"),
        Case(rejected, .upstreamError, cause: "username is taken"),
        Case(
            APIManagerError.rejected(status: 400, details: [], words: "plan_id is missing"), .upstreamError,
            cause: "plan_id is missing"),
        Case(APIManagerError.notFound, .upstreamError, cause: "not found"),
        Case(APIManagerError.malformed(cause: "<html>", outcomeUnknown: false), .upstreamError, cause: "<html>"),
        Case(CancellationError(), .internalError, cause: "CancellationError"),
    ]

    @Test(
        "have one code, one pause, and a cause that only the log gets",
        arguments: catalogue + provisioning + keys + upstream)
    func answers(_ expected: Case) {
        let error = ErrorAnswers.helperError(expected.error)
        #expect(error.code == expected.code)
        #expect(error.retryAfter == expected.retryAfter)
        #expect(error.cause?.contains(expected.cause ?? "nothing") ?? (expected.cause == nil))
        #expect(!error.publicMessage.contains(expected.cause ?? "nothing"))
        #expect(!"\(error.publicMessage)\(error.cause ?? "")".contains("cafe-key"))
    }

    @Test("show the field messages of a 422 alone", arguments: [(422, 1), (403, 0), (409, 0)])
    func details(_ status: Int, _ count: Int) {
        let error = APIManagerError.rejected(
            status: status, details: [FieldIssue(field: "username", issue: "is taken")])
        #expect(ErrorAnswers.helperError(error).details.count == count)
    }
}
