import Bytes
import Crypto
import Telemetry

/// Performs what `Provisioning` decides for one call: sends, waits, invalidates, records.
struct ProvisioningCall: Sendable {
    let caller: Caller
    let service: Service
    let wantedPlan: Int?
    let order: KeyOrder
    let defaultPlan: String?
    /// The catalogue was read so lately that its plans need not be looked up before a signup.
    let isCatalogFresh: Bool
    let prefix: KeySecret.Prefix
    let manager: any APIManager
    let keys: OwnedKeys
    let replicas: Replicas
    let accounts: AccountProvisioning
    let audit: AuditTrail
    let sleep: @Sendable (Duration) async -> Void
    /// Milliseconds on a clock that only goes forward.
    let milliseconds: @Sendable () -> Int
    private let attempt = Hex.encode(SecureRandom.bytes(8))

    /// What was read and written so far, and whether it may be cached.
    private struct Progress {
        var account: Account?
        var applications: [Application] = []
        var began = ContinuousClock.now
        var epoch: UInt32
        var isCurrent = true
        /// There is room for the audit lines of what is written.
        var isReserved = false
        /// An account that this call has confirmed. Until the call ends it may still delete what it signed up for.
        var confirmedAccount: Int?
        /// The key sent along with our create, where the service's method has a list of keys.
        var sentKey: (application: Int, key: String)?
        /// What this call created.
        var created: Application?
        /// When the create was decided, by `milliseconds`.
        var createdAt: Int?
        /// Applications whose confirmation was sent: 3scale may carry it out late, and other calls may then answer them.
        var sentConfirmations: Set<Int> = []
        /// 3scale found no account, or another person's.
        var hasTriedSignup = false
        /// The key is there, or may be, and the audit log does not say so yet.
        var isUnrecorded = false
    }

    /// Runs the value to its end. Existing keys are answered without the lock and without a reservation of audit lines; both are
    /// held before anything is written.
    func run(signupCreates: Bool) async throws -> (ProvisionKey.Result, Application) {
        let goal = Provisioning.Goal(
            owner: caller.ownerMark, service: service.id, attempt: attempt, adoptsUnmarked: keys.adoptsUnmarked,
            signupCreates: signupCreates, name: order.name, generation: order.generation)
        var provisioning = Provisioning(goal)
        var progress = Progress(epoch: keys.epoch(of: caller.ownerMark))
        defer { if let account = progress.confirmedAccount { keys.noteConfirmed(account, of: caller) } }
        var action = provisioning.next(.began, at: milliseconds())
        while !action.isWrite {
            if let result = try await end(action, &progress) { return result }
            action = provisioning.next(await perform(action, &progress), at: milliseconds())
        }
        return try await audit.withReservedLines(for: caller.ownerMark) {
            progress.isReserved = true
            return try await replicas.whileLocked(caller.ownerMark.description) { waited in
                if waited {
                    provisioning = Provisioning(goal)
                    action = provisioning.next(.began, at: milliseconds())
                }
                do {
                    while true {
                        if let result = try await end(action, &progress) { return result }
                        try await check(action, &progress)
                        action = provisioning.next(await perform(action, &progress), at: milliseconds())
                    }
                } catch {
                    if progress.isUnrecorded {
                        note(.failed, "key creation outcome unknown", progress.created, isWarning: true)
                    }
                    throw error
                }
            }
        }
    }

    /// Refuses a plan that is gone, before an account or application is made for it.
    private func check(_ action: Provisioning.Action, _ progress: inout Progress) async throws {
        switch action {
        case .signUp:
            let plan = try plan()
            guard !isCatalogFresh else { break }
            guard try await manager.hasPlan(plan.id, service: service.id) else { throw APIManagerError.notFound }
        case .create(_, let isFallback):
            _ = try plan()
            try checkLimit(others(in: progress.applications, below: nil))
            if !isFallback { try checkReplaced(progress) }
        case .confirm(let application): try await checkLimit(before: application, &progress)
        default: break
        }
    }

    private func checkLimit(_ others: Int) throws(KeyError) {
        guard let keysMax = order.keysMax else { return }
        // A rotation makes no key of another name, and `init` may have made one beyond the limit. More were made by editing the
        // names of keys that were rotated.
        guard others >= (order.isRotation ? keysMax + 1 : keysMax) else { return }
        throw .limitReached(max: keysMax, names: others, service: service.id)
    }

    /// Calls at once for several names have not seen each other's application before they created their own. So what a call created
    /// is counted once more before it is confirmed, and deleted where it is one too many: no caller has its key yet.
    private func checkLimit(before application: Application, _ progress: inout Progress) async throws {
        guard order.keysMax != nil, !progress.sentConfirmations.contains(application.id) else { return }
        let listed = try await manager.applications(account: application.accountID)
        let isOurs = application.mark?.attempt?.hasPrefix(attempt) == true
        let isInTime = progress.createdAt.map { milliseconds() - $0 < Provisioning.authorMilliseconds } ?? false
        do throws(KeyError) {
            try checkLimit(others(in: listed, below: isOurs ? application.id : .max))
        } catch {
            if isOurs, isInTime {
                try await atOnce {
                    try await manager.deleteApplication(application.id, account: application.accountID)
                }
                keys.invalidate(caller.ownerMark)
                note(.deleted, "application beyond the limit deleted", application)
                progress.isUnrecorded = false
            }
            throw error
        }
        // Other calls may confirm it by now, and this one may not.
        guard !isOurs || isInTime else { throw Provisioning.Failure.contested }
    }

    /// Keys on the service beside the one that is wanted. People may edit descriptions: so each application counts, whatever its
    /// name, but those that a newer generation replaces. What a call that died has left counts no more once it has settled, as
    /// long as it has not changed and its key is not used.
    /// - Parameter id: counts what other calls are creating with a lower id; nil for none of it.
    private func others(in applications: [Application], below id: Int?) -> Int {
        let here = applications.filter { $0.serviceID == service.id }
        var newest: [String: Int] = [:]
        for mark in here.compactMap(\.mark) where !mark.isProvisional {
            newest["\(mark.owner) \(mark.name)"] = max(newest["\(mark.owner) \(mark.name)"] ?? 0, mark.generation)
        }
        return here.filter { application in
            guard let mark = application.mark else { return keys.adoptsUnmarked && order.name != .standard }
            if mark.owner == caller.ownerMark, mark.name == order.name { return false }
            if mark.isProvisional {
                let isSettled = application.age.map { $0 >= Provisioning.settledSeconds } ?? false
                return isSettled ? application.mayBeInUse : id.map { application.id < $0 } ?? false
            }
            return mark.generation == newest["\(mark.owner) \(mark.name)"]
        }.count
    }

    /// Between the look at a key and its rotation it may have been revoked, or the operator may have suspended it.
    private func checkReplaced(_ progress: Progress) throws(KeyError) {
        guard let id = order.replaces else { return }
        guard let replaced = progress.applications.first(where: { $0.id == id }) else { throw .notFound }
        guard replaced.state == .live else { throw .changedMeanwhile(application: id) }
    }

    private func plan() throws(CatalogError) -> PlanReference {
        guard service.isComplete else { throw .endpointUnknown(service: service.id) }
        if let plan = order.plan { return plan }
        guard
            let chosen = try PlanChoice.choose(
                from: service.plans, wanted: wantedPlan, defaultSystemName: defaultPlan)
        else { throw .noPlans(service: service.id, systemName: service.systemName) }
        return PlanReference(id: chosen.id, name: chosen.name)
    }

    // MARK: Actions

    private func perform(_ action: Provisioning.Action, _ progress: inout Progress) async -> Provisioning.Event {
        let event: Provisioning.Event
        do {
            event = try await send(action, &progress)
        } catch {
            event = .refused(
                error as? APIManagerError ?? .malformed(cause: "\(error)", outcomeUnknown: action.isWrite))
        }
        if action.isWrite {
            if keys.epoch(of: caller.ownerMark) != progress.epoch { progress.isCurrent = false }
            progress.epoch = keys.invalidate(caller.ownerMark)
        }
        record(action, event, &progress)
        return event
    }

    private func send(
        _ action: Provisioning.Action, _ progress: inout Progress
    ) async throws -> Provisioning.Event {
        switch action {
        case .findAccount:
            // Where 3scale's two forms of the look-up disagree, JSON decides.
            progress.account = try await keys.lookUpAccount(of: caller, showsUser: !progress.hasTriedSignup)
            return .account(progress.account)
        case .signUp:
            progress.hasTriedSignup = true
            let account = try await accounts.signUp(caller)
            keys.remember(account, of: caller)
            progress.account = account
            progress.applications = []
            return .signedUp(account)
        case .confirmAccount(let account):
            do throws(APIManagerError) {
                if case .exact(let user) = account.user {
                    try await manager.confirm(account: account.id, user: user, username: caller.accountName)
                } else {
                    try await manager.confirm(account: account.id, username: caller.accountName)
                }
            } catch {
                if error == .noSuchUser { keys.forgetAccount(of: caller) }
                throw error
            }
            progress.confirmedAccount = account.id
            return .done
        case .compareName(let account):
            guard try await manager.hasUser(account: account.id, username: caller.accountName) else {
                keys.forgetAccount(of: caller)
                return .refused(.noSuchUser)
            }
            return .done
        case .deleteAccount(let account):
            keys.forgetAccount(of: caller)
            progress.confirmedAccount = nil
            try await atOnce { try await manager.deleteAccount(account.id) }
            return .done
        case .list(let account):
            progress.began = .now
            progress.epoch = keys.epoch(of: caller.ownerMark)
            progress.isCurrent = true
            progress.account = account
            progress.applications = try await manager.applications(account: account.id)
            return .listed(progress.applications)
        case .search, .searchTwins:
            return .listed(try await manager.applications(markedFor: caller.ownerMark, service: service.id))
        case .rename(let account):
            let renamed = try await manager.rename(
                account: account, to: caller.accountName, organization: caller.organization, owner: caller.ownerMark)
            keys.remember(renamed.account, of: caller)
            if renamed.isWritten { note(.renamed, "account user renamed", nil) }
            return .account(renamed.account)
        case .create(let account, let isFallback):
            progress.createdAt = milliseconds()
            return .wrote(try await create(on: account, isFallback, &progress))
        case .confirm(let application):
            guard let mark = application.mark else { return .refused(.notFound) }
            progress.sentConfirmations.insert(application.id)
            return .wrote(try await describe(application, ordered(application, mark).confirmed, &progress))
        case .mark(let application, let isOwn):
            let mark = ApplicationMark(
                adopting: application.description, owner: caller.ownerMark, attempt: isOwn ? attempt : nil)
            return .wrote(try await describe(application, mark, &progress))
        case .delete(let application):
            try await atOnce {
                try await manager.deleteApplication(application.id, account: application.accountID)
            }
            progress.applications.removeAll { $0.id == application.id }
            return .done
        case .pause(let milliseconds):
            await sleep(max(.zero, Deadline.remaining(atMost: .milliseconds(Int.random(in: milliseconds)))))
            guard Deadline.remaining(atMost: .seconds(1)) > .zero else {
                return .refused(.timeout(cause: "the deadline passed while replicas raced", outcomeUnknown: false))
            }
            return .done
        case .announce:
            await replicas.announce(.keys(of: caller.ownerMark))
            return .done
        case .answer, .fail: return .done
        }
    }

    /// How long a deletion may take from its decision, the wait for a slot included.
    private static let deletionTime = Duration.milliseconds(500)

    /// A deletion that waited longer could meet what another call has confirmed and answered meanwhile: others may once 3scale
    /// calls it 3 s old, which is more than 2 s in truth, and its author decides within 1.5 s.
    private func atOnce(_ delete: () async throws -> Void) async throws {
        let end = ContinuousClock.now + Deadline.remaining(atMost: Self.deletionTime)
        try await Deadline.$current.withValue(end) { try await delete() }
    }

    private func create(
        on account: Account, _ isFallback: Bool, _ progress: inout Progress
    ) async throws -> Application {
        let owner = caller.ownerMark
        if isFallback {
            note(.failed, "second application id used; the first is on another account", nil, isWarning: true)
        }
        // A retry that finds its application taken answers what 3scale holds, so each attempt may choose another one.
        let secret = KeySecret(prefix).text
        let key = service.authentication == .appIDAndKey ? secret : nil
        let made = try await manager.createApplication(
            ApplicationDraft(
                account: account.id, plan: try plan().id,
                name: String("mlaas:\(caller.username):\(service.systemName)".prefix(255)),
                description: ApplicationMark(
                    owner: owner, attempt: Provisioning.Goal.attempt(attempt, isFallback: isFallback),
                    name: order.name, generation: order.generation ?? 1, expiresAt: order.expiresAt,
                    graceSeconds: order.graceSeconds, note: order.note
                ).description,
                applicationID: applicationID(on: account, isFallback),
                userKey: service.authentication == .apiKey ? secret : nil,
                applicationKey: key))
        if let key { progress.sentKey = (made.id, key) }
        progress.created = made
        progress.applications.append(made)
        return made
    }

    /// What a call that died has left was answered to no caller: it becomes what this call is to make. The key that it replaces works
    /// on from now, not from when it was left.
    private func ordered(_ application: Application, _ mark: ApplicationMark) -> ApplicationMark {
        guard mark.isProvisional, mark.attempt?.hasPrefix(attempt) != true else { return mark }
        var ordered = mark
        if let end = order.expiresAt { ordered = ordered.expiring(at: end) }
        guard order.isRotation else { return ordered }
        if let grace = order.graceSeconds { ordered = ordered.granting(graceSeconds: grace) }
        if application.state == .live, let createdAt = application.createdAt, let age = application.age {
            ordered = ordered.live(since: createdAt + age)
        }
        return ordered
    }

    private func applicationID(on account: Account, _ isFallback: Bool) -> String {
        let generation = order.generation ?? 1
        return isFallback
            ? caller.ownerMark.applicationID(
                service: service.id, account: account.id, name: order.name, generation: generation)
            : caller.ownerMark.applicationID(service: service.id, name: order.name, generation: generation)
    }

    private func describe(
        _ application: Application, _ mark: ApplicationMark, _ progress: inout Progress
    ) async throws -> Application {
        let written = try await manager.describe(
            application: application.id, account: application.accountID, description: mark.description)
        progress.applications.removeAll { $0.id == written.id }
        progress.applications.append(written)
        return written
    }

    // MARK: The end

    /// The result of the last action; nil for every other.
    private func end(_ action: Provisioning.Action, _ progress: inout Progress) async throws -> (
        ProvisionKey.Result, Application
    )? {
        switch action {
        case .fail(let failure):
            throw recorded(failure, &progress)
        case .answer(let application, let isNew):
            guard let account = progress.account else { return nil }
            let key = try await key(of: application, progress)
            guard key.key != nil else {
                if isNew { noteNew(application, nil, &progress) }
                throw CredentialMissing(application: application.id)
            }
            if progress.isCurrent {
                keys.learn(
                    progress.applications, issued: key, on: account, of: caller, began: progress.began,
                    epoch: progress.epoch)
            }
            if isNew {
                noteNew(application, key.key, &progress)
            } else {
                audit.note(
                    .returned, "key returned", caller: caller, service: service, application: key.applicationID,
                    key: key.key)
            }
            await accounts.repair(account, of: caller)
            return (
                ProvisionKey.Result(
                    service: service, key: key, isNew: isNew, accountID: account.id, staleAge: nil), application
            )
        default: return nil
        }
    }

    private func key(of application: Application, _ progress: Progress) async throws -> IssuedKey {
        if let sent = progress.sentKey, sent.application == application.id {
            return IssuedKey(of: application, firstKey: sent.key)
        }
        let issued = try await keys.issuedKey(of: application)
        guard issued.key == nil, case .appID = application.credentials else { return issued }
        // Made without a key in the portal.
        if progress.isReserved {
            try await addKey(to: application)
        } else {
            try await audit.withReservedLines(for: caller.ownerMark) { try await addKey(to: application) }
        }
        keys.invalidate(caller.ownerMark)
        await replicas.announce(.keys(of: caller.ownerMark))
        return try await keys.issuedKey(of: application)
    }

    /// Of two that a race adds, the oldest is answered; a lost answer is looked up.
    private func addKey(to application: Application) async throws(APIManagerError) {
        do throws(APIManagerError) {
            try await manager.addKey(
                KeySecret(prefix).text, application: application.id, account: application.accountID)
        } catch {
            guard error.outcomeUnknown || error.isConflict(on: "value") else { throw error }
        }
    }
}

// MARK: Records

extension ProvisioningCall {
    private func record(_ action: Provisioning.Action, _ event: Provisioning.Event, _ progress: inout Progress) {
        switch (action, event) {
        case (.create, .wrote), (.confirm, .wrote): progress.isUnrecorded = true
        case (.create, .refused(let error)), (.confirm, .refused(let error)):
            if error.outcomeUnknown { progress.isUnrecorded = true }
        case (.delete(let application), .refused):
            note(.failed, "duplicate application deletion failed", application, isWarning: true)
        case (.delete(let application), _):
            note(.deleted, "duplicate application deleted", application)
            if application.id == progress.created?.id { progress.isUnrecorded = false }
        case (.mark(let application, _), .wrote): note(.marked, "application marked", application)
        default: break
        }
    }

    private func noteNew(_ application: Application, _ key: String?, _ progress: inout Progress) {
        audit.note(
            order.isRotation ? .rotated : .created, order.isRotation ? "key rotated" : "key created", caller: caller,
            service: service, application: application.id, key: key)
        progress.isUnrecorded = false
    }

    private func note(
        _ outcome: AuditTrail.Outcome, _ message: String, _ application: Application?, isWarning: Bool = false
    ) {
        audit.note(
            outcome, message, level: isWarning ? .warning : .notice, caller: caller, service: service,
            application: application?.id)
    }

    /// The error of a failed call, once the audit log has what it must have of it.
    private func recorded(_ failure: Provisioning.Failure, _ progress: inout Progress) -> any Error {
        switch failure {
        case .call(let error): return error
        case .identityConflict: note(.conflict, "refused: the account has another owner", nil, isWarning: true)
        case .accountBlocked: note(.failed, "refused: the account is blocked", nil, isWarning: true)
        case .keyHasTwin(let application): note(.failed, "refused: the key has a twin", application, isWarning: true)
        case .markNotReturned(let application):
            note(.failed, "3scale does not return descriptions", application, isWarning: true)
        // The account was listed, so the plan is gone.
        case .creation(.notFound): return APIManagerError.notFound
        case .creation:
            note(.failed, "application creation failed", nil, isWarning: true)
            progress.isUnrecorded = false
        case .signup: note(.failed, "account creation failed", nil, isWarning: true)
        case .accountMissing, .contested: break
        }
        return failure
    }
}

/// 3scale shows no credential of an application whose key is to be answered.
package struct CredentialMissing: Error {
    package let application: Int
}
