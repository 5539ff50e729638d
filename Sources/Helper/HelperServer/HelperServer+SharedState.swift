import Crypto
import EventLoop
import HelperCore
import HelperHTTP
import Redis
import SharedState
import Telemetry

/// What replicas share: in Redis where one is configured, else in this process.
extension HelperServer {
    struct SharedStatePart: Sendable {
        let state: any SharedState
        let redis: RedisSharedState?
    }

    /// - Parameters:
    ///   - keys: told what other replicas change.
    ///   - deadlines: told it, too.
    ///   - sessions: told which sessions they end.
    func sharedState(
        _ group: EventLoopGroup, _ registry: PrometheusRegistry, _ roots: TrustedRoots, _ keys: OwnedKeys,
        _ deadlines: KeyDeadlines, _ sessions: PortalSessions?
    ) async throws(StartError) -> SharedStatePart {
        let policies = settings.rateLimits.policies
        guard let configuration = settings.redis else {
            let state = InMemorySharedState(policies: policies, now: { EventLoop.nanoseconds() })
            return SharedStatePart(state: state, redis: nil)
        }
        let tls: TLSContext?
        do throws(CryptoError) {
            tls = configuration.usesTLS ? try TLSContext.client(trust: roots.trust) : nil
        } catch {
            throw StartError(description: "REDIS_URL: TLS cannot be used: \(error)")
        }
        let health = RedisHealth(
            links: group.loops.count + 1, address: "\(configuration.host):\(configuration.port)", factory: registry,
            logger: logger.labelled("redis"),
            now: { EventLoop.nanoseconds() })
        registry.collect { [.init("mlaas_redis_up", .gauge, health.isUp ? 1 : 0)] }
        let redis = await RedisSharedState.start(
            configuration, group: group, tls: tls, policies: policies, health: health,
            observer: { change in
                keys.note(change)
                deadlines.note(change)
                if case .sessions(let mark) = change { sessions?.noteEnded(mark) }
            })
        return SharedStatePart(state: redis, redis: redis)
    }
}
