import Telemetry

/// The account of a caller's name: signed up when there is none, and repaired when signup left it unfinished.
struct AccountProvisioning: Sendable {
    enum Signup: Sendable {
        /// Somebody else was first, or the answer was lost: this is the account of that name.
        case found(Account)
        /// Our signup made it. Whether it is the account of that name, `confirm` says.
        case made(Account)
    }

    private let manager: any APIManager
    private let keys: OwnedKeys
    private let logger: Logger
    /// By 3scale user name: two services' first keys share one signup.
    private let flights: SingleFlight<String, Signup>

    init(manager: any APIManager, keys: OwnedKeys, spawn: @escaping Spawn, logger: Logger) {
        self.manager = manager
        self.keys = keys
        self.logger = logger
        flights = SingleFlight(spawn: spawn)
    }

    /// Signs up; whoever comes while that is under way shares its outcome.
    func signUp(_ caller: Caller) async throws -> Signup {
        try await flights.run(caller.accountName) { try await signUpOnce(caller) }.value
    }

    /// The account that has the caller's name now. Another one than was made here is left over by a race, and no key is
    /// ever handed out from it.
    func confirm(of caller: Caller) async throws -> Account { try await lookUp(caller) }

    /// Deletes an account that this process has made and that a race made one too many, when nothing is on it; else, or when
    /// the token may not, tells the operator.
    func discard(_ made: Account, isEmpty: Bool, insteadOf kept: Account, of caller: Caller) async {
        let metadata: Logger.Metadata = [
            LogKey.user: .string(caller.username), "account_id": .integer(made.id),
            "kept_account_id": .integer(kept.id),
        ]
        do throws(APIManagerError) {
            guard isEmpty else { throw .rejected(status: 0, details: []) }
            try await manager.deleteAccount(made.id)
            logger.notice("signup left a surplus account, which was deleted", metadata: metadata)
        } catch {
            logger.warning("signup left a surplus account: delete it in the admin portal", metadata: metadata)
        }
    }

    /// Moves an unfinished account on, once. Its keys work all the same, so a failure is only told.
    func repair(_ account: Account, of caller: Caller) async {
        guard account.needsRepair else { return }
        do throws(APIManagerError) {
            try await manager.repair(account: account.id)
            keys.remember(Account(id: account.id, state: "approved"), of: caller)
            logger.notice("an account was approved", metadata: ["account_id": .integer(account.id)])
        } catch {
            keys.remember(account.leftAsItIs, of: caller)
            logger.warning(
                "an account is not approved and could not be: approve it in the admin portal",
                metadata: [
                    "account_id": .integer(account.id), LogKey.error: .string(error.helperError().cause ?? "refused"),
                ])
        }
    }

    private func signUpOnce(_ caller: Caller) async throws -> Signup {
        // A list that began before knows no account.
        defer { keys.invalidate(caller.ownerMark) }
        do throws(APIManagerError) {
            return .made(try await signUpOnceOrWithoutEmail(caller))
        } catch {
            guard error.outcomeUnknown || error.isConflict(on: "username") else {
                throw error.helperError(refusal: .accountCreationFailed)
            }
            logger.info("signup is looked up", metadata: [LogKey.user: .string(caller.username)])
        }
        return .found(try await lookUp(caller))
    }

    private func signUpOnceOrWithoutEmail(_ caller: Caller) async throws(APIManagerError) -> Account {
        let email = caller.verifiedEmail.flatMap { (6...255).contains($0.unicodeScalars.count) ? $0 : nil }
        func draft(_ email: String?) -> SignupDraft {
            SignupDraft(
                organization: caller.username, username: caller.accountName, email: email,
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

    private func lookUp(_ caller: Caller) async throws -> Account {
        guard let found = try await manager.account(username: caller.accountName) else {
            throw APIManagerError.unavailable(
                retryAfter: .seconds(1), cause: "an account that signed up is not found", outcomeUnknown: true)
        }
        keys.remember(found, of: caller)
        return found
    }
}
