import Bytes
import HelperCore
import Redis

/// A lock in Redis: a key that is set once, holds its owner's token and expires by itself.
enum LockScript {
    /// Only the owner may delete: the lock may have expired and be another replica's by now.
    private static let source =
        "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) else return 0 end"

    static func acquire(_ lock: HeldLock, lifetime: Duration) -> RESPCommand {
        RESPCommand("SET", key(lock), lock.token, "NX", "PX", String(max(1, lifetime.milliseconds)))
    }

    /// Redis answers `SET NX` with OK when it has set the key and with nil when there was one. Every other reply comes from
    /// something that is not a lock: nothing is known then.
    static func outcome(_ reply: RESPValue, of lock: HeldLock) -> LockOutcome {
        switch reply {
        case .status("OK"): .acquired(lock)
        case .null: .busy
        default: .unavailable
        }
    }

    static func release(_ lock: HeldLock) -> RESPCommand { RESPCommand("EVAL", source, "1", key(lock), lock.token) }

    private static func key(_ lock: HeldLock) -> String { "mlaas:lock:\(lock.name)" }
}
