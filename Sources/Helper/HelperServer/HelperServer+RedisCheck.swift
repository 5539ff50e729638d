import Crypto
import Doctor
import EventLoop
import Redis
import SharedState

/// What the doctor asks of Redis.
extension HelperServer {
    /// Tries Redis when it is called; nil when none is configured.
    /// - Parameter trust: nil when the roots cannot be read.
    func redisCheck(_ group: EventLoopGroup, _ trust: TLSTrust?) -> (@Sendable () async -> RedisCheck)? {
        guard let configuration = settings.redis else { return nil }
        let host = configuration.host.contains(":") ? "[\(configuration.host)]" : configuration.host
        return {
            RedisCheck(
                address: "\(host):\(configuration.port)", outcome: await Self.outcome(configuration, group, trust))
        }
    }

    private static func outcome(
        _ configuration: RedisConfiguration, _ group: EventLoopGroup, _ trust: TLSTrust?
    ) async -> RedisCheck.Outcome {
        var tls: TLSContext?
        if configuration.usesTLS {
            guard let trust, let context = try? TLSContext.client(trust: trust) else {
                return .unreachable("TLS cannot be used without the roots of CA_BUNDLE")
            }
            tls = context
        }
        do throws(RedisError) {
            try await RedisProbe.run(configuration, group: group, tls: tls)
            return .works
        } catch .server(let reason) {
            return .refuses(reason)
        } catch .refusedGreeting(let reason) where reason.hasPrefix("NOPERM") {
            return .refuses(reason)
        } catch {
            return .unreachable(error.description)
        }
    }
}
