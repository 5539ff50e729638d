import Crypto
package import Telemetry

/// Gets or creates the caller's key for one service: exactly one application, whatever happens on the way.
///
/// What makes it exactly one: calls for the same owner and service share a flight; the application's id is derived from
/// both, and 3scale takes it once; an unknown outcome is looked up, never repeated; after a create the account is listed
/// again and the lowest id wins.
package struct ProvisionKey: Sendable {
    package struct Request: Sendable {
        package let serviceID: Int
        package let planID: Int?

        package init(serviceID: Int, planID: Int? = nil) {
            self.serviceID = serviceID
            self.planID = planID
        }
    }

    package struct Result: Sendable {
        package let service: Service
        package let key: IssuedKey
        /// This call brought the application into being.
        package let isNew: Bool
        package let accountID: Int
    }

    private struct FlightKey: Hashable, Sendable {
        let owner: OwnerMark
        let service: Int
    }

    private let find: FindService
    private let manager: any APIManager
    private let keys: OwnedKeys
    private let defaultPlan: String?
    private let flights: SingleFlight<FlightKey, Result>
    private let logger: Logger
    private let audit: AuditTrail

    /// - Parameters:
    ///   - defaultPlan: the system name of the plan to prefer where a service has no default.
    ///   - audit: gets a line for every act.
    package init(
        find: FindService, manager: any APIManager, keys: OwnedKeys, defaultPlan: String?, spawn: @escaping Spawn,
        logger: Logger, audit: AuditTrail
    ) {
        self.find = find
        self.manager = manager
        self.keys = keys
        self.defaultPlan = defaultPlan
        flights = SingleFlight(spawn: spawn)
        self.logger = logger
        self.audit = audit
    }

    package func callAsFunction(_ request: Request, for caller: Caller) async throws -> Result {
        let service = try find(request.serviceID, for: caller)
        if let problem = UserName.problem(caller.username) {
            throw HelperError(
                .userInfoError, "Your user name cannot be a 3scale user name: it \(problem).",
                details: [.init(field: "preferred_username", issue: problem)])
        }
        let key = FlightKey(owner: caller.ownerMark, service: service.id)
        let (result, joined) = try await flights.run(key) {
            try await provision(service, request.planID, caller)
        }
        // Those who joined did not bring it into being.
        return joined
            ? Result(service: result.service, key: result.key, isNew: false, accountID: result.accountID) : result
    }

    // MARK: The flight

    private func provision(_ service: Service, _ planID: Int?, _ caller: Caller) async throws -> Result {
        let (account, isNewAccount) = try await account(of: caller)
        let applications = try await applications(of: account, caller)
        let choice = ApplicationChoice(applications, owner: caller.ownerMark)
        if let existing = choice.application(on: service.id) {
            await removeSurplus(choice.surplus(on: service.id), caller, service)
            return try await answer(existing, service, account, caller, isNew: isNewAccount)
        }
        if choice.hasForeignOwner {
            audit.note(
                .conflict, "refused: the account belongs to somebody else", level: .warning, caller: caller,
                service: service)
            throw HelperError(
                .identityConflict,
                "The API manager's account of your user name belongs to somebody else. Ask the operator to sort it out.",
                cause: "account \(account.id) holds applications marked for another owner")
        }
        let plan = try PlanChoice.choose(from: service.plans, wanted: planID, defaultSystemName: defaultPlan)
        return try await create(service, plan, account, caller)
    }

    /// Every outcome of a create leads to a listing: only what is listed is answered.
    private func create(
        _ service: Service, _ plan: Plan, _ account: Account, _ caller: Caller
    ) async throws -> Result {
        // Tells this attempt's application from one that another replica made at the same time.
        let attempt = hexEncoded(SecureRandom.bytes(8))
        let draft = ApplicationDraft(
            account: account.id, plan: plan.id,
            name: String("mlaas:\(caller.username):\(service.systemName)".prefix(255)),
            description: "Requested through MLaaS Helper, attempt \(attempt) \(caller.ownerMark.suffix)",
            applicationID: caller.ownerMark.applicationID(service: service.id))
        var failure: APIManagerError?
        do throws(APIManagerError) {
            _ = try await manager.createApplication(draft)
        } catch {
            guard error.outcomeUnknown || error.isTaken("application_id") else {
                audit.note(
                    .failed, "an application could not be created", level: .error, caller: caller, service: service)
                throw error.helperError(refusal: .applicationCreationFailed)
            }
            failure = error
        }
        keys.invalidate(caller)
        let choice = ApplicationChoice(try await applications(of: account, caller), owner: caller.ownerMark)
        guard let application = choice.application(on: service.id) else {
            audit.note(
                .failed, "an application could not be created", level: .error, caller: caller, service: service)
            throw (failure ?? .malformed(cause: "a created application is not listed", outcomeUnknown: true))
                .helperError(refusal: .applicationCreationFailed)
        }
        await removeSurplus(choice.surplus(on: service.id), caller, service)
        let isNew = application.description?.contains("attempt \(attempt) ") == true
        return try await answer(application, service, account, caller, isNew: isNew)
    }

    private func applications(of account: Account, _ caller: Caller) async throws(HelperError) -> [Application] {
        do throws(APIManagerError) {
            return try await manager.applications(account: account.id)
        } catch {
            if error == .notFound { keys.forgetAccount(of: caller) }
            throw error == .notFound
                ? HelperError(
                    .upstreamUnavailable, "Your account was removed from the API manager. Try again.",
                    retryAfter: .seconds(1), cause: "account \(account.id) is gone")
                : error.helperError()
        }
    }

    private func answer(
        _ application: Application, _ service: Service, _ account: Account, _ caller: Caller, isNew: Bool
    ) async throws(HelperError) -> Result {
        do throws(APIManagerError) {
            var issued = try await keys.issuedKey(of: application)
            if issued.key == nil, case .appID = application.credentials {
                // The service does not mandate a key, so 3scale made none. Of two that a race adds, the oldest is answered.
                let key = hexEncoded(SecureRandom.bytes(16))
                try await manager.addKey(key, application: application.id, account: account.id)
                issued = try await keys.issuedKey(of: application)
            }
            keys.invalidate(caller)
            audit.note(
                isNew ? .created : .returned, isNew ? "key created" : "key returned", caller: caller, service: service,
                application: issued.applicationID, key: issued.key)
            return Result(service: service, key: issued, isNew: isNew, accountID: account.id)
        } catch {
            throw error.helperError()
        }
    }

    /// Deletes what a race left over. A failure leaves it to the next call.
    private func removeSurplus(_ surplus: [Application], _ caller: Caller, _ service: Service) async {
        for application in surplus {
            do throws(APIManagerError) {
                try await manager.deleteApplication(application.id, account: application.accountID)
                audit.note(
                    .deleted, "a duplicate application was deleted", caller: caller, service: service,
                    application: application.id)
            } catch {
                audit.note(
                    .failed, "a duplicate application could not be deleted", level: .warning, caller: caller,
                    service: service, application: application.id)
            }
        }
    }

    // MARK: The account

    /// The account of the caller's name, made when there is none.
    private func account(of caller: Caller) async throws(HelperError) -> (account: Account, isNew: Bool) {
        do throws(APIManagerError) {
            if let account = try await keys.account(of: caller.username) {
                return (await repaired(account, caller), false)
            }
        } catch {
            throw error.helperError()
        }
        var isNew = false
        var signedUp: Account?
        do throws(APIManagerError) {
            signedUp = try await signUp(caller)
            isNew = true
        } catch {
            // Somebody else was first, or the answer was lost: whatever is there now counts.
            guard error.outcomeUnknown || error.isTaken("username") else {
                throw error.helperError(refusal: .accountCreationFailed)
            }
            logger.info("signup is looked up", metadata: [LogKey.user: .string(caller.username)])
        }
        do throws(APIManagerError) {
            guard let found = try await manager.account(username: caller.username) else {
                throw APIManagerError.malformed(cause: "an account that signed up is not found", outcomeUnknown: true)
            }
            if let signedUp, signedUp.id != found.id {
                isNew = false
                logger.warning(
                    "signup left a surplus account",
                    metadata: [LogKey.user: .string(caller.username), "account_id": .integer(signedUp.id)])
            }
            keys.remember(found, of: caller.username)
            return (await repaired(found, caller), isNew)
        } catch {
            throw error.helperError(refusal: .accountCreationFailed)
        }
    }

    private func signUp(_ caller: Caller) async throws(APIManagerError) -> Account {
        let email = caller.email.flatMap { (6...255).contains($0.unicodeScalars.count) ? $0 : nil }
        func draft(_ email: String?) -> SignupDraft {
            SignupDraft(
                organization: email ?? caller.username, username: caller.username, email: email,
                password: SignupPassword.make())
        }
        do throws(APIManagerError) {
            return try await manager.signUp(draft(email))
        } catch {
            // The address is somebody else's in 3scale; it is optional there.
            guard email != nil, error.isTaken("email"), !error.isTaken("username") else { throw error }
            return try await manager.signUp(draft(nil))
        }
    }

    private func repaired(_ account: Account, _ caller: Caller) async -> Account {
        guard account.needsRepair else { return account }
        do throws(APIManagerError) {
            try await manager.repair(account: account.id)
            let approved = Account(id: account.id, state: "approved")
            keys.remember(approved, of: caller.username)
            logger.notice("an account was approved", metadata: ["account_id": .integer(account.id)])
            return approved
        } catch {
            // Keys work under an unfinished account too.
            logger.warning(
                "an account is not approved and could not be", metadata: ["account_id": .integer(account.id)])
            return account
        }
    }
}
