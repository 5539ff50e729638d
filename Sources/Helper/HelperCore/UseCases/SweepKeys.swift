package import Telemetry

/// Suspends API keys whose time is over, and deletes them a day later. `Sweep` decides what comes next and `NamedKeys` what is due;
/// this performs it.
///
/// The scan has one page in flight, and looks as many accounts as a tenth of the calls that may be in flight to 3scale. Every act looks
/// at what 3scale lists, so that an act which was interrupted, or which another replica did, costs a look and no more.
package struct SweepKeys: Sendable {
    package struct Limits: Sendable {
        /// Calls to 3scale that may be in flight.
        package var concurrency = 10
        /// Applications on a page: few, since a page is read on a loop that serves callers.
        package var pageSize = 100

        package init() {}
    }

    /// The part of the calls to 3scale that the sweep may take: a tenth.
    private static let share = 10
    private static let idle = Duration.seconds(1)
    private static let breath = Duration.milliseconds(1)

    private let deadlines: KeyDeadlines
    private let manager: any KeyScan
    private let catalogs: CatalogStore
    private let keys: OwnedKeys
    private let replicas: Replicas
    private let audit: AuditTrail
    private let rules: KeyRules
    private let seal: PauseSeal
    private let endKey: EndKey
    private let clearTwin: ClearTwin
    private let limits: Limits
    private let logger: Logger

    package init(
        deadlines: KeyDeadlines, manager: any KeyScan, catalogs: CatalogStore, keys: OwnedKeys,
        replicas: Replicas = .none, audit: AuditTrail, rules: KeyRules, seal: PauseSeal, limits: Limits = Limits(),
        logger: Logger
    ) {
        self.deadlines = deadlines
        self.manager = manager
        self.catalogs = catalogs
        self.keys = keys
        self.replicas = replicas
        self.audit = audit
        self.rules = rules
        self.seal = seal
        endKey = EndKey(manager: manager, seal: seal, now: { deadlines.clock })
        clearTwin = ClearTwin(manager: manager)
        self.limits = limits
        self.logger = logger
    }

    /// Sweeps until `sleep` answers false.
    /// - Parameter sleep: waits; false when it was cancelled.
    package func run(sleep: (Duration) async -> Bool) async {
        var pause = Self.breath
        while await sleep(pause) { pause = await step() }
    }

    /// Does what comes next.
    /// - Returns: how long to wait after it.
    package func step() async -> Duration {
        reportClock()
        guard let catalog = catalogs.catalog, manager.isAvailable else { return Self.idle }
        switch deadlines.plan({ $0.next(width: limits.concurrency / Self.share, now: $1) }) {
        case .wait: return Self.idle
        case .look(let accounts):
            await withTaskGroup(of: Void.self) { tasks in
                for account in accounts { tasks.addTask { await look(at: account, catalog) } }
            }
            return Self.breath
        case .read(let page):
            let began = ContinuousClock.now
            await read(page, catalog)
            // One call is more than the share where few may be in flight: then the sweep rests between two.
            let rest = max(0, Double(Self.share) / Double(max(1, limits.concurrency)) - 1)
            return Self.breath + began.duration(to: .now) * rest
        }
    }

    // MARK: The scan

    private func read(_ page: Int, _ catalog: Catalog) async {
        do throws(APIManagerError) {
            let read = try await manager.scan(page: page, size: limits.pageSize)
            let plans = catalog.approvalPlans(of: read.applications)
            deadlines.plan { sweep, now in
                sweep.read(read, approvalPlans: plans, rules: rules, seal: seal, now: now)
            }
        } catch {
            guard let error = passing(error) else { return }
            guard deadlines.plan({ $0.pageFailed(now: $1) }) else { return }
            logger.warning(
                "key scan failed", metadata: ["page": .integer(page), LogKey.error: .string(error.cause)])
        }
    }

    /// Nil for what concerns every call: then the sweep pauses, and the log of 3scale's failures says why.
    private func passing(_ error: APIManagerError) -> APIManagerError? {
        if mayConcernOneCall(error) { return error }
        deadlines.plan { $0.pause(now: $1) }
        return nil
    }

    private func reportClock() {
        let (isOff, difference) = deadlines.plan { ($0.takeClockNews(), $0.status(now: $1).clockDifference) }
        guard let isOff else { return }
        let metadata: Logger.Metadata = ["seconds": .integer(difference)]
        if isOff {
            logger.error("key sweep stopped: clocks differ", metadata: metadata)
        } else {
            logger.notice("key sweep resumed", metadata: metadata)
        }
    }

    // MARK: Acts

    private func look(at account: Int, _ catalog: Catalog) async {
        do {
            let listed = try await manager.applications(account: account)
            guard isClockRight(listed) else {
                _ = deadlines.plan { $0.failed(at: account, now: $1) }
                return
            }
            var next: [Int] = []
            var failure: (any Error)?
            for owner in Set(listed.compactMap(\.owner)) {
                do {
                    if let time = try await end(owner, account, listed, catalog) { next.append(time) }
                } catch {
                    failure = failure ?? error
                    guard mayConcernOneCall(error) else { break }
                }
            }
            if let failure { throw failure }
            deadlines.plan { [next] in $0.looked(at: account, next: next.min(), now: $1) }
        } catch {
            if error as? APIManagerError == .notFound {
                deadlines.plan { $0.looked(at: account, next: nil, now: $1) }
                return
            }
            let isNews = deadlines.plan { $0.failed(at: account, now: $1) }
            guard let error = error as? APIManagerError, let error = passing(error), isNews else { return }
            logger.warning(
                "key sweep act failed",
                metadata: ["account_id": .integer(account), LogKey.error: .string(error.cause)])
        }
    }

    /// Whether 3scale's clock, as a listing tells it, is like ours.
    private func isClockRight(_ listed: [Application]) -> Bool {
        guard let time = listed.lazy.compactMap(\.shownAt).max() else { return true }
        return deadlines.plan { sweep, now in
            sweep.note(clock: time, now: now)
            return !sweep.isClockOff
        }
    }

    /// Does what is due to an owner's keys on an account.
    /// - Returns: when to look again; nil for what a scan finds in time.
    private func end(
        _ owner: OwnerMark, _ account: Int, _ listed: [Application], _ catalog: Catalog
    ) async throws -> Int? {
        let found = named(listed, owner, catalog)
        guard !found.due.isEmpty || !unfinished(listed, owner).isEmpty else { return found.next }
        return try await audit.withReservedLines(for: owner) {
            try await replicas.whileLocked(owner.description) { _ in
                // Another replica, or the owner, may have been faster.
                let listed = try await manager.applications(account: account)
                let found = named(listed, owner, catalog)
                var next = found.next.map { [$0] } ?? []
                var failure: APIManagerError?
                let unfinished = unfinished(listed, owner)
                for application in unfinished {
                    do throws(APIManagerError) {
                        try await finish(application, listed, owner, catalog)
                        if let now = found.now { next.append(now + NamedKeys.deletionDelay) }
                    } catch {
                        failure = failure ?? error
                    }
                }
                // What was just settled may be over no more: the next look tells.
                let settled = Set(unfinished.map(\.id))
                for duty in found.due where !settled.contains(duty.application) {
                    guard let key = found.keys.ending(duty.application) else { continue }
                    do throws(APIManagerError) {
                        guard try await perform(duty, key, owner, catalog), case .suspend(_, let end) = duty else {
                            continue
                        }
                        next.append((found.now ?? end) + NamedKeys.deletionDelay)
                    } catch {
                        failure = failure ?? error
                        guard mayConcernOneCall(error) else { break }
                    }
                }
                keys.invalidate(owner)
                await replicas.announce(.keys(of: owner))
                if let failure { throw failure }
                return next.min()
            }
        }
    }

    /// Whether a failure may concern one call alone: then the other keys of the account are ended all the same, and the scan goes on.
    private func mayConcernOneCall(_ error: any Error) -> Bool {
        if case .accessDenied? = error as? APIManagerError { return false }
        return manager.isAvailable
    }

    private struct Found {
        let keys: NamedKeys
        let now: Int?
        let due: [NamedKeys.Duty]
        let next: Int?
    }

    private func named(_ listed: [Application], _ owner: OwnerMark, _ catalog: Catalog) -> Found {
        // Without a time of 3scale nothing is over.
        let now = listed.lazy.compactMap(\.shownAt).max()
        let keys = NamedKeys(
            listed, owner: owner, adoptsUnmarked: false, approvalPlans: catalog.approvalPlans(of: listed),
            rules: rules, seal: seal, now: now ?? 0)
        let duties = now == nil ? [] : keys.duties
        return Found(
            keys: keys, now: now, due: duties.filter { $0.time <= now ?? 0 },
            next: duties.map(\.time).filter { $0 > now ?? 0 }.min())
    }

    /// - Returns: false when it cannot be done before something else has happened.
    private func perform(
        _ duty: NamedKeys.Duty, _ key: NamedKeys.Key, _ owner: OwnerMark, _ catalog: Catalog
    ) async throws(APIManagerError) -> Bool {
        let application = key.application
        do throws(APIManagerError) {
            switch duty {
            case .suspend: try await end(key, owner, catalog)
            case .delete:
                try await manager.deleteApplication(application.id, account: application.accountID)
                note(.removed, "ended key deleted", application, owner, catalog)
            }
            return true
        } catch {
            // It was suspended or deleted meanwhile.
            if error.refusesState || error == .notFound { return true }
            if error.isTwin {
                if case .suspend = duty, try await clearTwin(of: application) {
                    try await end(key, owner, catalog)
                    return true
                }
                note(.failed, "key not suspended: it has a twin", application, owner, catalog, level: .warning)
                // The next scan tries again.
                return false
            }
            if error.outcomeUnknown { await find(outcomeOf: duty, key, owner, catalog) }
            throw error
        }
    }

    private func end(
        _ key: NamedKeys.Key, _ owner: OwnerMark, _ catalog: Catalog
    ) async throws(APIManagerError) {
        do {
            let outcome = try await endKey(key) { isOver(key.application.id, $0, owner, catalog) }
            note(outcome, of: key, owner, catalog)
        } catch let error as EndKey.Unfinished {
            deadlines.plan { sweep, _ in sweep.note(unfinished: error.suspended) }
            note(.failed, "key suspended, end not written", key.application, owner, catalog, level: .warning)
            throw error.cause
        } catch let error as APIManagerError {
            throw error
        } catch {
            throw .malformed(cause: "\(error)", outcomeUnknown: true)
        }
    }

    private func unfinished(_ listed: [Application], _ owner: OwnerMark) -> [Application] {
        deadlines.plan { sweep, _ in sweep.unfinished(listed) }.filter { $0.owner == owner }
    }

    /// Does what could not be done after an earlier suspension.
    private func finish(
        _ application: Application, _ listed: [Application], _ owner: OwnerMark, _ catalog: Catalog
    ) async throws(APIManagerError) {
        let outcome: EndKey.Outcome
        do throws(EndKey.Unfinished) {
            outcome = try await endKey.settle(application) { isOver(application.id, $0, owner, catalog) }
        } catch {
            throw error.cause
        }
        deadlines.plan { sweep, _ in sweep.finished(application.id) }
        let live = listed.map { $0.id == application.id ? $0.inState(.live) : $0 }
        if let key = named(live, owner, catalog).keys.key(application.id) { note(outcome, of: key, owner, catalog) }
    }

    private func isOver(_ application: Int, _ listed: [Application], _ owner: OwnerMark, _ catalog: Catalog) -> Bool {
        named(listed, owner, catalog).due.contains { $0.application == application }
    }

    /// Looks at what a write has done whose answer was lost: the next look finds nothing to do.
    private func find(
        outcomeOf duty: NamedKeys.Duty, _ key: NamedKeys.Key, _ owner: OwnerMark, _ catalog: Catalog
    ) async {
        let application = key.application
        guard let listed = try? await manager.applications(account: application.accountID) else {
            note(.failed, "key sweep outcome unknown", application, owner, catalog, level: .warning)
            return
        }
        let left = listed.first { $0.id == application.id }
        switch duty {
        case .suspend:
            guard let left, left.state == .suspended else { return }
            if seal.vouches(for: left, .end) {
                noteEnd(of: key, owner, catalog)
            } else {
                // Its description was changed meanwhile, so that the suspension may be the operator's.
                note(.failed, "key sweep outcome unknown", application, owner, catalog, level: .warning)
            }
        case .delete where left == nil: note(.removed, "ended key deleted", application, owner, catalog)
        case .delete: break
        }
    }

    private func note(_ outcome: EndKey.Outcome, of key: NamedKeys.Key, _ owner: OwnerMark, _ catalog: Catalog) {
        switch outcome {
        case .ended: noteEnd(of: key, owner, catalog)
        case .paused: note(.paused, "key paused: its end was moved", key.application, owner, catalog)
        case .leftAlone: break
        }
    }

    private func noteEnd(of key: NamedKeys.Key, _ owner: OwnerMark, _ catalog: Catalog) {
        let isExpired = key.expiresAt.map { $0 <= key.retiresAt ?? .max } ?? false
        note(
            isExpired ? .expired : .retired, isExpired ? "key expired" : "key retired", key.application, owner, catalog)
    }

    private func note(
        _ outcome: AuditTrail.Outcome, _ message: String, _ application: Application, _ owner: OwnerMark,
        _ catalog: Catalog, level: Logger.Level = .notice
    ) {
        audit.note(
            outcome, message, level: level, owner: owner, account: application.accountID,
            service: application.serviceID, name: catalog.service(application.serviceID)?.systemName,
            application: application.id, key: IssuedKey(of: application, firstKey: nil).key)
    }
}
