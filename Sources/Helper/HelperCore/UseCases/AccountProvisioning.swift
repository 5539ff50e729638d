import Telemetry

/// The account of a caller's name: signed up when there is none, and repaired when signup left it unfinished.
struct AccountProvisioning: Sendable {
    private let manager: any APIManager
    private let keys: OwnedKeys
    private let logger: Logger
    /// By 3scale user name.
    private let flights: SingleFlight<String, Account>

    init(manager: any APIManager, keys: OwnedKeys, spawn: @escaping Spawn, logger: Logger) {
        self.manager = manager
        self.keys = keys
        self.logger = logger
        flights = SingleFlight(spawn: spawn)
    }

    /// Signs up. A call that comes while another one is at it waits for that, and is then told that the name is taken: the account
    /// is the other call's to confirm.
    func signUp(_ caller: Caller) async throws -> Account {
        let (account, joined) = try await flights.run(caller.accountName) { try await signUpOnceOrWithoutEmail(caller) }
        guard !joined else { throw APIManagerError.nameTaken }
        return account
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
                "account approval failed; approve it in the 3scale admin portal",
                metadata: [
                    "account_id": .integer(account.id), LogKey.error: .string(error.cause),
                ])
        }
    }

    private func signUpOnceOrWithoutEmail(_ caller: Caller) async throws(APIManagerError) -> Account {
        let email = caller.verifiedEmail.flatMap { (6...255).contains($0.unicodeScalars.count) ? $0 : nil }
        func draft(_ email: String?) -> SignupDraft {
            SignupDraft(
                organization: caller.organization, username: caller.accountName, email: email,
                password: SignupPassword.make())
        }
        do throws(APIManagerError) {
            return try await manager.signUp(draft(email))
        } catch {
            // The address is another user's in 3scale; it is optional there.
            guard email != nil, error.isTaken("email"), !error.isTaken("username") else { throw error }
            return try await manager.signUp(draft(nil))
        }
    }
}
