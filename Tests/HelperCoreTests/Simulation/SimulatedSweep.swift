import HelperCore
import Synchronization

/// of one of its keys has come.
final class SimulatedSweep: Sendable {
    private static let interval = 3_600_000
    private static let pause = 15_000

    private let view: SimulatedReplicaView
    private let time: SimulatedTime
    private let rules: KeyRules
    private let seal: PauseSeal
    private let ledger: KeyLedger
    private let isOver = Atomic<Bool>(false)
    /// By account: the earliest look that is planned.
    private let planned = Mutex<[Int: Int]>([:])

    init(
        _ view: SimulatedReplicaView, _ time: SimulatedTime, rules: KeyRules, seal: PauseSeal, ledger: KeyLedger
    ) {
        self.view = view
        self.time = time
        self.rules = rules
        self.seal = seal
        self.ledger = ledger
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
        let plans = Set(
            view.server.state.withLock { $0.services.flatMap(\.plans).filter(\.needsApproval).map(\.id) })
        let seconds = view.server.seconds(time.now)
        let found = NamedKeys(
            listed, owner: owner, adoptsUnmarked: false, approvalPlans: plans, rules: rules, seal: seal, now: seconds)
        for duty in found.duties {
            switch duty {
            case .suspend(let id, let at) where at <= seconds:
                try await perform { () async throws(APIManagerError) in
                    _ = try await view.suspend(application: id, account: account)
                }
                // What follows is found by looking again.
                plan(account, at: time.now + 1_000)
            case .delete(let id, let at) where at <= seconds:
                try await perform { () async throws(APIManagerError) in
                    try await view.deleteApplication(id, account: account)
                }
                plan(account, at: time.now + 1_000)
            case .suspend(_, let at), .delete(_, let at):
                plan(account, at: (at - SimulatedThreeScale.began) * 1_000)
            }
        }
    }

    /// What was moved on meanwhile is no failure.
    private func perform(_ act: () async throws(APIManagerError) -> Void) async throws(APIManagerError) {
        do throws(APIManagerError) {
            try await act()
        } catch {
            switch error {
            case .rejected, .notFound: return
            default: throw error
            }
        }
    }
}
