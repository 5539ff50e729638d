package import Redis
import Synchronization
package import Telemetry

/// The health of Redis, over all connections: says so in the log once per change, and in metrics.
///
/// A connection that comes and goes, or errors between good replies, are one trouble until nothing has failed for
/// `calmAfter`.
package final class RedisHealth: Sendable {
    private static let calmAfter: UInt64 = 5_000_000_000

    private struct State: Sendable {
        var links: [String: LinkStatus] = [:]
        var lastFailure: UInt64?
        /// Nil until the first outcome.
        var isWell: Bool?
        var troubleSince: UInt64 = 0
        /// The kinds of failure that this trouble has had a line for.
        var told: Set<RedisError.Kind> = []
    }

    private let state = Mutex(State())
    private let errors: [RedisError.Kind: Counter]
    private let logger: Logger
    private let now: @Sendable () -> UInt64
    private let linksExpected: Int
    private let address: String

    /// - Parameters:
    ///   - links: connections there will be.
    ///   - address: host and port, for the log.
    ///   - now: nanoseconds from any start, never going back.
    package init(
        links: Int, address: String = "", factory: any MetricsFactory, logger: Logger,
        now: @escaping @Sendable () -> UInt64
    ) {
        linksExpected = links
        self.address = address
        errors = Dictionary(
            uniqueKeysWithValues: RedisError.Kind.allCases.map { kind in
                (
                    kind,
                    Counter(label: "mlaas_redis_errors_total", dimensions: [("kind", kind.rawValue)], factory: factory)
                )
            })
        self.logger = logger
        self.now = now
    }

    /// For the metric `mlaas_redis_up`, which agrees with the log: every connection is up and nothing has failed lately.
    package var isUp: Bool {
        evaluate()
        return state.withLock { $0.isWell == true }
    }

    package func note(_ event: RedisEvent) {
        switch event {
        case .failed(let error): note(error)
        case .link(let name, let status):
            state.withLock { $0.links[name] = status }
            evaluate()
        }
    }

    /// A command has no usable reply.
    package func note(_ error: RedisError) {
        errors[error.kind]?.increment()
        // What was not sent says nothing new of Redis.
        guard error.kind != .notReady else { return }
        let now = now()
        let (isFirst, isNewKind) = state.withLock { state in
            state.lastFailure = now
            let isFirst = state.isWell != false
            if isFirst {
                state.isWell = false
                state.troubleSince = now
                state.told = []
            }
            return (isFirst, state.told.insert(error.kind).inserted)
        }
        guard isFirst || isNewKind else { return }
        logger.warning(
            isFirst ? "redis is in trouble" : "redis fails for another reason",
            metadata: [
                LogKey.error: .string(error.description), "address": .string(address),
                "hint": .string(
                    (error.kind == .timeout
                        ? "Look at the load of Redis and the way to it, or raise REDIS_TIMEOUT"
                        : "Check REDIS_URL, network policies, password and TLS; mlaas-helper doctor says which")
                        + ". Meanwhile this replica counts rate limits alone, and learns of others' changes late"),
            ])
    }

    /// Says when all is well again; called every second or so.
    package func evaluate() {
        let now = now()
        let outcome: (isFirst: Bool, seconds: UInt64)? = state.withLock { state in
            guard state.isWell != true, Self.isWell(state, now, linksExpected) else { return nil }
            defer { state.isWell = true }
            return (state.isWell == nil, (now &- state.troubleSince) / 1_000_000_000)
        }
        guard let outcome else { return }
        if outcome.isFirst {
            logger.notice("redis is in use")
        } else {
            logger.notice("redis is well again", metadata: ["seconds": .integer(Int(outcome.seconds))])
        }
    }

    private static func isWell(_ state: State, _ now: UInt64, _ linksExpected: Int) -> Bool {
        guard state.links.count >= linksExpected, state.links.values.allSatisfy({ $0 == .up }) else { return false }
        guard let last = state.lastFailure else { return true }
        return now &- last >= calmAfter
    }
}
