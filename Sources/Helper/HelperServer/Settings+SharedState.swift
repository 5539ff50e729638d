import Bytes
import Configuration
import HelperCore
import HelperHTTP
import Redis

/// Limits, and what replicas share.
extension Settings {
    static func rateLimits(_ reader: inout ConfigReader) -> RateLimits {
        let text = reader.string(
            forKey: "RATE_LIMITS", default: RateLimits.defaultText,
            expected: "`policy=limit,limit;policy=…`, or off",
            help: """
                How many requests a caller may make. Policies are `read`, `write`, `auth_failure`, `reveal`, `test` and `logout`, limits are \
                written `30/minute` or `100/5 minutes`. A policy that is not named keeps its default, `write=off` lifts one, `off` \
                all. See [Rate limits](rate-limits.md).
                """)
        do throws(RateLimits.Problem) {
            return try RateLimits(parsing: text ?? RateLimits.defaultText)
        } catch {
            reader.report("RATE_LIMITS", error.description)
            return .standard
        }
    }

    static func trustedProxies(_ reader: inout ConfigReader) -> [AddressRange] {
        let texts = reader.list(
            forKey: "TRUSTED_PROXIES",
            help: """
                Addresses or blocks such as `10.0.0.0/8` of proxies whose `X-Forwarded-For` and `Forwarded` are believed. By \
                default none are.
                """)
        return texts.compactMap { text in
            if let range = AddressRange(text) { return range }
            reader.report(
                "TRUSTED_PROXIES",
                "\(ConfigReader.shown(text)) is no address or block such as 10.0.0.0/8 (with zeros behind its length)")
            return nil
        }
    }

    static func redis(_ reader: inout ConfigReader) -> RedisConfiguration? {
        let url = reader.secret(
            forKey: "REDIS_URL", required: false,
            help: """
                Redis or Valkey for what replicas share: `redis://[[user]:password@]host[:port][/database]`, or `rediss://` for \
                TLS. Unset, each replica counts for itself. See [Shared state](shared-state.md).
                """)
        let timeout = reader.duration(
            forKey: "REDIS_TIMEOUT", default: .milliseconds(100), range: .milliseconds(10) ... .seconds(10),
            help: "How long a request waits for Redis before it goes on without.")
        guard let url else { return nil }
        do throws(RedisConfiguration.InvalidURL) {
            var configuration = try RedisConfiguration(url: url.reveal())
            configuration.timing.reply = timeout
            return configuration
        } catch {
            reader.report("REDIS_URL", error.description)
            return nil
        }
    }
}
