import Synchronization

/// The limits of the catalogue's plans. 3scale has no bulk call for them, so a service's limits are read when they are first asked
/// for. Callers share that read and use its result until it expires; then one read in the background replaces it.
final class PlanLimits: Sendable {
    private struct Entry: Sendable {
        let plans: [Int]
        let limits: [Int: [PlanLimit]]
        let madeAt: ContinuousClock.Instant
    }

    /// Plans are part of the key, since a new plan's limits are not known.
    private struct Key: Hashable, Sendable {
        let service: Int
        let plans: [Int]
    }

    /// A tenant with more services than this reads some of them again.
    private static let servicesMax = 10_000
    /// Limits older than this are not answered without a new read.
    private static let staleLifetimes = 10

    private let manager: any APIManager
    private let lifetime: Duration
    private let spawn: Spawn
    private let flights: SingleFlight<Key, [Int: [PlanLimit]]>
    private let entries = Mutex<[Int: Entry]>([:])
    private let refreshing = Mutex<Set<Int>>([])

    init(manager: any APIManager, lifetime: Duration, spawn: @escaping Spawn) {
        self.manager = manager
        self.lifetime = lifetime
        self.spawn = spawn
        flights = SingleFlight(spawn: spawn)
    }

    /// The limits of a service's offered plans, by plan. While 3scale does not answer, the last ones known.
    func of(_ service: Service, now: ContinuousClock.Instant = .now) async throws -> [Int: [PlanLimit]] {
        let plans = service.plans.filter(\.isOffered).map(\.id)
        if plans.isEmpty { return [:] }
        let known = entries.withLock { $0[service.id] }.flatMap { $0.plans == plans ? $0 : nil }
        if let known {
            let age = known.madeAt.duration(to: now)
            if age < lifetime { return known.limits }
            if age < lifetime * Self.staleLifetimes {
                refreshInBackground(service.id, plans)
                return known.limits
            }
        }
        do {
            return try await read(service.id, plans)
        } catch let error as APIManagerError {
            if error.isTransient, let known { return known.limits }
            throw error
        }
    }

    private func refreshInBackground(_ service: Int, _ plans: [Int]) {
        guard refreshing.withLock({ $0.insert(service).inserted }) else { return }
        CallOwner.$current.withValue(.background) {
            Deadline.$current.withValue(.now + .seconds(30)) {
                spawn { [self] in
                    do { _ = try await read(service, plans) } catch {
                        // One that is gone is read by the next caller, who gets the error.
                        if error as? APIManagerError == .notFound {
                            _ = entries.withLock { $0.removeValue(forKey: service) }
                        }
                    }
                    _ = refreshing.withLock { $0.remove(service) }
                }
            }
        }
    }

    private func read(_ service: Int, _ plans: [Int]) async throws -> [Int: [PlanLimit]] {
        try await flights.run(Key(service: service, plans: plans)) { [self] in
            let began = ContinuousClock.now
            let limits = try await manager.limits(ofPlans: plans, service: service)
            entries.withLock { entries in
                if entries.count >= Self.servicesMax, entries[service] == nil, let other = entries.keys.first {
                    entries[other] = nil
                }
                entries[service] = Entry(plans: plans, limits: limits, madeAt: began)
            }
            return limits
        }.value
    }
}
