import HelperCore
import Synchronization

/// What a run can take away, to see that it is needed.
enum SweepRule: String, CaseIterable, Sendable {
    case pendingSuccessor = "a successor that awaits approval retires no generation"
    case suspendedSuccessor = "a successor that the operator suspended retires no generation"
    case confirmed = "a successor that is not confirmed retires no generation"
    case grace = "the old generation works on for the grace"
    case finishedLater = "the grace begins when a later call finished the rotation"
    case oldestFirst = "the oldest generation is deleted first"
    case sealed = "what the operator suspended does not count as ended, whatever its end is by now"
    case sealFirst = "the seal of an end is written before the suspension"
    case inTime = "the sweep acts when the time has come"

    /// The first seed, from 1 on, that was seen to break something without the rule.
    var breakingSeed: UInt64 {
        switch self {
        case .pendingSuccessor: 23
        case .suspendedSuccessor: 152
        case .confirmed: 124
        case .grace: 30
        case .finishedLater: 392
        case .oldestFirst: 227
        case .sealed: 14
        case .sealFirst: 5
        case .inTime: 163
        }
    }
}

/// Does what `NamedKeys.duties` asks for in one replica: reads everything at its start and hourly, and lists an account when the end of
/// one of its keys has come.
final class SimulatedSweep: Sendable {
    private static let interval = 3_600_000
    private static let pause = 15_000

    private let view: SimulatedReplicaView
    private let time: SimulatedTime
    private let rules: KeyRules
    private let seal: PauseSeal
    private let ledger: KeyLedger
    private let without: SweepRule?
    private let endKey: EndKey
    private let isOver = Atomic<Bool>(false)
    /// By account: the earliest look that is planned.
    private let planned = Mutex<[Int: Int]>([:])

    init(
        _ view: SimulatedReplicaView, _ time: SimulatedTime, rules: KeyRules, seal: PauseSeal, ledger: KeyLedger,
        without: SweepRule?
    ) {
        self.without = without
        self.view = view
        self.time = time
        self.rules = rules
        self.seal = seal
        self.ledger = ledger
        endKey = EndKey(manager: view, seal: seal, now: { view.server.seconds(time.now) })
    }

    func stop() { isOver.store(true, ordering: .relaxed) }

    private var isAtWork: Bool { !view.isDead && !isOver.load(ordering: .relaxed) }

    /// Reads everything, now and hourly.
    func scan() {
        guard isAtWork else { return }
        spawn { [self] in
            do throws(APIManagerError) {
                let all = try await view.server.read { state in Set(state.applications.map(\.application.accountID)) }
                for account in all.sorted() { plan(account, at: time.now) }
                time.after(Self.interval) { [self] in scan() }
            } catch {
                ledger.disturb()
                time.after(Self.pause) { [self] in scan() }
            }
        }
    }

    /// The end of a key of an account may be near.
    func note(account: Int) { plan(account, at: time.now) }

    private func plan(_ account: Int, at ticks: Int) {
        let isNews = planned.withLock { planned in
            guard planned[account].map({ ticks < $0 }) ?? true else { return false }
            planned[account] = ticks
            return true
        }
        guard isNews else { return }
        time.after(ticks - time.now) { [self] in
            let isDue = planned.withLock { planned in
                guard planned[account] == ticks else { return false }
                planned[account] = nil
                return true
            }
            if isDue, isAtWork { spawn { [self] in await look(at: account) } }
        }
    }

    private func spawn(_ work: @escaping @Sendable () async -> Void) {
        CallOwner.$current.withValue(.background) { time.spawn(work) }
    }

    private func look(at account: Int) async {
        do throws(APIManagerError) {
            let listed = try await view.applications(account: account)
            for owner in Set(listed.compactMap(\.owner)) { try await end(owner, account, listed) }
        } catch {
            guard error != .notFound else { return }
            ledger.disturb()
            plan(account, at: time.now + Self.pause)
        }
    }

    private func end(_ owner: OwnerMark, _ account: Int, _ listed: [Application]) async throws(APIManagerError) {
        let seconds = view.server.seconds(time.now)
        let found = named(listed, owner)
        var duties = found.duties
        if without == .oldestFirst { duties += early(found) }
        if without == .sealed { duties += held(found, seconds) }
        for duty in duties {
            switch duty {
            case .suspend(let id, let at) where at <= seconds:
                guard let key = found.key(id) else { continue }
                let isDone = try await perform { () async throws(APIManagerError) in
                    do throws(APIManagerError) {
                        try await suspend(key, owner)
                    } catch {
                        guard error.isTwin, try await ClearTwin(manager: view)(of: key.application) else { throw error }
                        try await suspend(key, owner)
                    }
                }
                // What follows is found by looking again.
                if isDone { plan(account, at: time.now + 1_000) }
            case .delete(let id, let at) where at <= seconds:
                let isDone = try await perform { () async throws(APIManagerError) in
                    try await view.deleteApplication(id, account: account)
                }
                if isDone { plan(account, at: time.now + 1_000) }
            case .suspend(_, let at), .delete(_, let at):
                // Without that rule the hourly scan alone finds it.
                if without != .inTime { plan(account, at: (at - SimulatedThreeScale.began) * 1_000) }
            }
        }
    }

    private func named(_ listed: [Application], _ owner: OwnerMark) -> NamedKeys {
        let plans = Set(
            view.server.state.withLock { $0.services.flatMap(\.plans).filter(\.needsApproval).map(\.id) })
        return NamedKeys(
            listed.map(altered), owner: owner, adoptsUnmarked: false, approvalPlans: plans, rules: rules, seal: seal,
            now: view.server.seconds(time.now))
    }

    private func suspend(_ key: NamedKeys.Key, _ owner: OwnerMark) async throws(APIManagerError) {
        let id = key.application.id
        let isOver: ([Application]) -> Bool = { [self] listed in
            let seconds = view.server.seconds(time.now)
            return named(listed, owner).duties.contains { $0.application == id && $0.time <= seconds }
        }
        do {
            if without == .sealFirst {
                let suspended = try await view.suspend(application: id, account: key.application.accountID)
                _ = try await endKey.settle(suspended, isOver: isOver)
            } else {
                _ = try await endKey(key, isOver: isOver)
            }
        } catch let error as APIManagerError {
            throw error
        } catch {
            // Only this replica knows of it, and it may die as well.
            throw .malformed(cause: "\(error)", outcomeUnknown: true)
        }
    }

    /// An application as the sweep sees it where a rule is taken away.
    private func altered(_ application: Application) -> Application {
        guard let mark = application.mark, mark.generation > 1 else { return application }
        var state = application.state
        var description = application.description ?? ""
        switch without {
        case .pendingSuccessor where state == .pending: state = .live
        case .suspendedSuccessor where state == .suspended && !mark.hasSeal: state = .live
        case .grace: description = mark.granting(graceSeconds: 0).description
        case .finishedLater: description = description.replacing("live=", with: "was=")
        case .confirmed: description = mark.confirmed.description
        default: return application
        }
        return Application(
            id: application.id, serviceID: application.serviceID, accountID: application.accountID,
            plan: application.plan, state: state, description: description, credentials: application.credentials,
            createdAt: application.createdAt, updatedAt: application.updatedAt)
    }

    /// Deletions that would wait for older generations.
    private func early(_ found: NamedKeys) -> [NamedKeys.Duty] {
        found.keys.compactMap { key in
            guard key.application.state == .suspended, key.state == .expired, let end = key.endsAt else { return nil }
            return .delete(application: key.application.id, at: end + NamedKeys.deletionDelay)
        }
    }

    /// Deletions of what the operator suspended, as if it had ended.
    private func held(_ found: NamedKeys, _ seconds: Int) -> [NamedKeys.Duty] {
        found.keys.compactMap { key in
            guard key.state == .suspended, let end = key.endsAt, let updatedAt = key.application.updatedAt,
                end <= seconds, updatedAt >= end
            else { return nil }
            return .delete(application: key.application.id, at: updatedAt + NamedKeys.deletionDelay)
        }
    }

    /// What was moved on meanwhile is no failure.
    /// - Returns: false for a twin, which 3scale does not let be changed: the next scan tries again.
    private func perform(_ act: () async throws(APIManagerError) -> Void) async throws(APIManagerError) -> Bool {
        do throws(APIManagerError) {
            try await act()
            return true
        } catch {
            switch error {
            case .rejected, .notFound: return !error.isTwin
            default: throw error
            }
        }
    }
}

extension ApplicationMark {
    var hasSeal: Bool { PauseSeal.Purpose.allCases.contains { seal(for: $0) != nil } }
}
