import HelperCore

// The words of every error that the core and its ports throw.

extension HelperError {
    init(_ error: CatalogError) {
        switch error {
        case .notLoaded(let lastFailure):
            let state = lastFailure.map { "last failure: \($0)" } ?? "the first load is under way"
            self.init(
                .upstreamUnavailable, "The catalogue has not been loaded yet. Try again shortly.",
                retryAfter: .seconds(2), cause: "no catalogue yet; \(state)")
        case .noSuchService(let wasDeleted):
            self.init(
                .serviceNotFound, "There is no such service.", cause: wasDeleted ? Self.deletedMeanwhile : nil)
        case .noSuchPlan(let plan, let wasDeleted):
            self.init(
                .planNotFound, "The service has no such plan.",
                details: [.init(field: "plan_id", issue: "is not a plan of this service that you may have")],
                cause: wasDeleted ? "plan \(plan) was \(Self.deletedMeanwhile)" : nil)
        case .noPlans(let service, let systemName):
            self.init(
                .noPlansFound, "The service offers no plan yet.",
                cause: "service \(service) '\(systemName)' has no plan to choose: publish one in 3scale")
        case .plansChanged:
            self.init(
                .noPlansFound, "The service's plans have just changed. Try again.", cause: Self.deletedMeanwhile)
        case .endpointUnknown(let service):
            self.init(
                .upstreamUnavailable, "The service's endpoint is unknown at the moment. Try again later.",
                retryAfter: .seconds(60), cause: "the proxy of service \(service) could not be read")
        }
    }

    private static let deletedMeanwhile = "deleted since the last refresh"

    init(_ failure: Provisioning.Failure) {
        switch failure {
        case .identityConflict(let account):
            self.init(
                .identityConflict,
                "The 3scale account of your user name belongs to another person. Ask the operator to resolve it.",
                cause: "account \(account.id) holds applications marked for another owner")
        case .accountBlocked(let account):
            self.init(
                .accountBlocked, "Your 3scale account is closed. Ask the operator to open it.",
                cause: "account \(account.id) is \(account.state)")
        case .keyHasTwin(let application):
            self.init(
                .keyHasTwin,
                "Another 3scale application has the same id or key, so that neither can be changed. Ask the operator to delete one.",
                cause: "application \(application.id) has a twin")
        case .markNotReturned(let application):
            self.init(
                .upstreamError, "3scale does not return what the helper needs. Tell the operator.",
                cause: "application \(application.id) came back without its owner mark")
        case .accountMissing:
            self.init(
                .upstreamUnavailable, "3scale did not finish the signup. Try again.", retryAfter: .seconds(1),
                cause: "an account that signed up is not found")
        case .contested:
            self.init(
                .upstreamUnavailable, "Too many calls created this key at once. Try again.", retryAfter: .seconds(1),
                cause: "no call could confirm its application")
        case .signup(let error): self.init(error, refusal: .accountCreationFailed)
        case .creation(let error): self.init(error, refusal: .applicationCreationFailed)
        case .call(let error): self.init(error)
        }
    }

    init(_ error: CredentialMissing) {
        self.init(
            .keyUnavailable, "3scale has not made the credentials of this key yet. Try again shortly.",
            retryAfter: .seconds(5), cause: "application \(error.application) shows no credential")
    }

    init(_ error: KeyError) {
        switch error {
        case .notFound: self.init(.keyNotFound, "You have no such API key.")
        case .unmarked(let application):
            self.init(
                .keyStateConflict,
                "This key was not made by MLaaS Helper. Ask for the service's key with POST /api/services/init first.",
                cause: "application \(application) has no owner mark")
        case .endsTooLate(let secondsLeft):
            self.init(
                .invalidRequest, "The key may not live that long.",
                details: [
                    .init(
                        field: "expires_in",
                        issue: "must be at most \(secondsLeft): the operator limits the life of a key")
                ])
        case .wrongState(let state, let act, let application):
            let why =
                switch state {
                case .pending: "it awaits the operator's approval"
                case .suspended: "the operator has suspended it"
                case .expired: "its time is over"
                case .paused: "it is paused"
                case .live, .retiring: "it works"
                }
            self.init(
                .keyStateConflict, "The key cannot be \(act.rawValue): \(why).",
                cause: "application \(application) is \(state.rawValue)")
        case .changedMeanwhile(let application):
            self.init(
                .keyStateConflict, "Another call has just changed the key. Look it up and try again.",
                cause: "3scale refused a change of state of application \(application)")
        case .notRotatable(let state, let application):
            self.init(
                .keyStateConflict, "The key cannot be rotated: it is \(state.rawValue).",
                cause: "application \(application) is \(state.rawValue)")
        case .takesTokens(let service):
            self.init(
                .keyStateConflict,
                "This service takes access tokens of the key's client, not a key. Get one with the client's id and secret.",
                cause: "service \(service) uses OpenID Connect")
        case .tooManyTests:
            self.init(
                .overloaded, "Too many tests are under way. Try again later.", retryAfter: .seconds(5),
                cause: "no connection to the gateway became free in time")
        case .usageNotReadable(let cause):
            self.init(
                .upstreamAccessDenied,
                "The helper's 3scale token may not read usage: it lacks the scope `stats` (Analytics API). Tell the operator.",
                cause: cause)
        case .planNeedsApproval(let plan, let service):
            self.init(
                .planNeedsApproval,
                "The plan needs the operator's approval. Make a key of another name with it, or choose another plan.",
                cause: "plan \(plan) of service \(service) needs an approval")
        case .exhausted:
            self.init(.keyStateConflict, "The key cannot be rotated any more. Make one with another name.")
        case .limitReached(let max, let names, let service):
            self.init(
                .keyLimitReached, "You may have \(max) keys for a service. Revoke one first.",
                cause: "\(names) keys for service \(service)")
        }
    }

    init(_ error: SecretNotShown) {
        self.init(
            .keyStateConflict,
            "The secret is shown only by the call that makes the key. Rotate the key to get a new one.",
            cause: "MLAAS_SHOW_ONCE is on")
    }

    init(_ error: AuditTrail.NoRoom) {
        let cause =
            switch error {
            case .linesWait: "standard output takes no audit lines: check its reader, or the space on its disk"
            case .actsHoldAll: "provisioning calls hold all audit reservations, or this owner's share: 3scale is slow"
            }
        self.init(
            .overloaded, "This request cannot be recorded at the moment, so nothing was done. Try again later.",
            retryAfter: .seconds(5), cause: cause)
    }

    /// - Parameter refusal: the code where 3scale refused what the request asked for.
    init(_ error: APIManagerError, refusal: Code = .upstreamError) {
        let cause = error.cause
        switch error {
        case .unavailable(let retryAfter, _, _):
            self.init(
                .upstreamUnavailable, "3scale is not available. Try again later.",
                retryAfter: retryAfter ?? .seconds(5), cause: cause)
        case .timeout:
            self.init(.upstreamTimeout, "3scale did not answer in time. Try again.", cause: cause)
        case .accessDenied:
            self.init(
                .upstreamAccessDenied, "3scale does not accept this service's credentials. Tell the operator.",
                cause: cause)
        case .rejected(let status, let details, _):
            // Only the messages of a 422 are written for people who filled in the fields.
            self.init(refusal, "3scale refused the request.", details: status == 422 ? details : [], cause: cause)
        case .notFound:
            self.init(refusal, "3scale does not know what the request needs.", cause: cause)
        case .malformed:
            self.init(refusal, "The answer of 3scale could not be understood.", cause: cause)
        }
    }
}
