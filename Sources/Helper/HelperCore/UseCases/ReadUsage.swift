package import Telemetry

/// Reads how one of the caller's API keys was used. What 3scale answered is cached for a minute: it counts by the minute itself.
package final class ReadUsage: Sendable {
    package struct Result: Sendable {
        package let item: FindKeys.Item
        package let usage: KeyUsage
    }

    /// A change of plan changes the limits.
    private struct Key: Hashable, Sendable {
        let application: Int
        let plan: Int
        let period: UsagePeriod
    }

    private static let lifetime = Duration.seconds(60)
    private static let entriesMax = 10_000
    private static let bytesMax = 8 * 1024 * 1024
    /// Calls of one read in flight: one for each metric.
    private static let width = 4

    private let find: FindKeys
    private let reader: any UsageReader
    private let cache: BoundedCache<Key, KeyUsage>
    private let flights: SingleFlight<Key, KeyUsage>
    private let metrics: CacheMetrics
    private let now: @Sendable () -> Int

    /// - Parameter now: seconds since 1970.
    package init(
        find: FindKeys, reader: any UsageReader, factory: any MetricsFactory, spawn: @escaping Spawn,
        now: @escaping @Sendable () -> Int
    ) {
        self.find = find
        self.reader = reader
        self.now = now
        metrics = CacheMetrics(cache: .usage, factory: factory)
        cache = BoundedCache(
            capacity: Self.entriesMax, bytesMax: Self.bytesMax,
            cost: { usage in
                let steps = usage.period.starts.count * 8
                return usage.counts.reduce(steps * 2) { $0 + steps + $1.limits.count * 48 + 256 }
            }, evictions: metrics.evictions)
        flights = SingleFlight(spawn: spawn)
    }

    /// - Throws: `KeyError`: `notFound`, and `usageNotReadable` where the helper's token may not read statistics.
    package func callAsFunction(
        _ id: Int, in period: UsagePeriod, for caller: Caller
    ) async throws -> Result {
        let item = try await find.one(id, for: caller)
        let application = item.key.application
        let key = Key(application: id, plan: application.plan.id, period: period)
        if let entry = cache.entry(key), entry.madeAt.duration(to: .now) < Self.lifetime {
            metrics.hits.increment()
            return Result(item: item, usage: entry.value)
        }
        metrics.misses.increment()
        let usage = try await find.asCaller(caller) {
            try await flights.run(key) { [self] in
                do {
                    return try await read(application, period)
                } catch let error as APIManagerError {
                    throw Self.explain(error)
                }
            }.value
        }
        return Result(item: item, usage: usage)
    }

    private func read(_ application: Application, _ period: UsagePeriod) async throws -> KeyUsage {
        let began = ContinuousClock.now
        let asOf = now()
        let metrics = try await reader.metrics(service: application.serviceID)
        let limits = try await reader.limits(ofPlans: [application.plan.id], service: application.serviceID)
        let values = try await values(of: metrics, application.id, period)
        let counts = metrics.enumerated().map { index, metric in
            KeyUsage.Count(
                metric: metric, values: values[index] ?? [],
                limits: (limits[application.plan.id] ?? []).filter { $0.metric == metric.systemName })
        }
        let usage = KeyUsage(period: period, counts: counts, asOf: asOf)
        cache.insert(
            usage, for: Key(application: application.id, plan: application.plan.id, period: period), at: began)
        return usage
    }

    private func values(
        of metrics: [KeyUsage.Metric], _ application: Int, _ period: UsagePeriod
    ) async throws -> [Int: [Int]] {
        try await withThrowingTaskGroup(of: (Int, [Int]).self) { tasks in
            var pending = metrics.enumerated().makeIterator()
            func startNext() {
                guard let (index, metric) = pending.next() else { return }
                tasks.addTask { [reader] in
                    (index, try await reader.usage(application: application, metric: metric.systemName, in: period))
                }
            }
            for _ in 0..<Self.width { startNext() }
            var values: [Int: [Int]] = [:]
            for try await (index, counted) in tasks {
                values[index] = counted
                startNext()
            }
            return values
        }
    }

    private static func explain(_ error: APIManagerError) -> any Error {
        switch error {
        case .notFound: KeyError.notFound
        case .accessDenied(let cause): KeyError.usageNotReadable(cause: cause)
        case .unavailable, .timeout, .rejected, .malformed: error
        }
    }
}
