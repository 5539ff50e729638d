import HelperCore

/// The kind of an error, apart from the account, application or plan that it names.
enum Refusal: Hashable {
    case identityConflict, keyHasTwin, accountBlocked
    case noSuchService, noSuchPlan
    case unavailable, timeout, accessDenied
    /// 3scale refused, lacks or garbled something: while it signed up, while it created an application, at another time.
    case signup, creation, upstream
    case other

    init(_ error: any Error) {
        switch error {
        case CatalogError.noSuchService: self = .noSuchService
        case CatalogError.noSuchPlan: self = .noSuchPlan
        case CatalogError.notLoaded, CatalogError.endpointUnknown: self = .unavailable
        case let error as APIManagerError: self.init(error, otherwise: .upstream)
        case let error as Provisioning.Failure: self.init(error)
        default: self = .other
        }
    }

    private init(_ failure: Provisioning.Failure) {
        switch failure {
        case .identityConflict: self = .identityConflict
        case .keyHasTwin: self = .keyHasTwin
        case .accountBlocked: self = .accountBlocked
        case .accountMissing, .contested: self = .unavailable
        case .markNotReturned: self = .upstream
        case .signup(let error): self.init(error, otherwise: .signup)
        case .creation(let error): self.init(error, otherwise: .creation)
        case .call(let error): self.init(error, otherwise: .upstream)
        }
    }

    private init(_ error: APIManagerError, otherwise: Refusal) {
        switch error {
        case .unavailable: self = .unavailable
        case .timeout: self = .timeout
        case .accessDenied: self = .accessDenied
        case .rejected, .notFound, .malformed: self = otherwise
        }
    }
}
