import Bytes
import Crypto
import HelperCore
import Redis

/// Counts a request in Redis: `WindowTable`'s algorithm as one script, atomic, in one round trip, by Redis' own clock, so
/// that it is exact over all replicas whatever their clocks say.
///
/// A window is a hash, piece number to count. The keys of one subject share a hash tag.
enum RateScript {
    private static let source = """
        local slots = tonumber(ARGV[1])
        local time = redis.call('TIME')
        local now = time[1] * 1000000 + time[2]
        local windows, allowed = {}, 1
        for i, key in ipairs(KEYS) do
          local limit, piece = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
          local current = math.floor(now / piece)
          local counts = redis.call('HGETALL', key)
          local total, oldest, gone = 0, current, {}
          for j = 1, #counts, 2 do
            local slot = tonumber(counts[j])
            if slot < current - slots or slot > current + slots then
              gone[#gone + 1] = counts[j]
            else
              total = total + tonumber(counts[j + 1])
              if slot < oldest then oldest = slot end
            end
          end
          if total >= limit then allowed = 0 end
          windows[i] = {key, limit, piece, current, total, oldest, gone}
        end
        local best, left, reset = 0, nil, 0
        for i, window in ipairs(windows) do
          local key, limit, piece, current, total, oldest, gone = unpack(window)
          if allowed == 1 then
            if #gone > 0 then redis.call('HDEL', key, unpack(gone)) end
            redis.call('HINCRBY', key, string.format('%.0f', current), 1)
            redis.call('PEXPIRE', key, string.format('%.0f', math.ceil(piece * (slots + 1) / 1000) + 1000))
            total = total + 1
          end
          local remaining, wait = math.max(0, limit - total), (oldest + slots + 1) * piece - now
          if left == nil or remaining < left or (remaining == left and wait > reset) then
            best, left, reset = i, remaining, wait
          end
        end
        return {allowed, best - 1, left, math.ceil(reset / 1000)}
        """

    /// Loads the script; its reply is its name.
    static let load = RESPCommand("SCRIPT", "LOAD", source)

    /// Redis names a script by its SHA-1 in hexadecimal.
    private static let name = Array(hexEncoded(SHA1.hash(Array(source.utf8))).utf8)

    /// - Parameter byName: false sends the whole script, for a Redis that does not know it.
    static func command(_ subject: RateSubject, _ policy: RatePolicy, byName: Bool = true) -> RESPCommand {
        var arguments = [Array((byName ? "EVALSHA" : "EVAL").utf8), byName ? name : Array(source.utf8)]
        arguments.append(text(policy.windows.count))
        for window in policy.windows {
            arguments.append(Array("mlaas:rate:\(policy.name.rawValue):\(window.seconds):{\(subject)}".utf8))
        }
        arguments.append(text(WindowTable.slots))
        for window in policy.windows {
            arguments.append(text(window.limit))
            arguments.append(text(window.seconds * 1_000_000 / WindowTable.slots))
        }
        return RESPCommand(arguments)
    }

    private static func text(_ number: Int) -> [UInt8] { Array(String(number).utf8) }

    /// Nil when the reply is not what the script answers: four numbers, each in the range that the policy leaves it.
    static func verdict(_ reply: RESPValue, _ policy: RatePolicy) -> RateVerdict? {
        guard case .array(let elements) = reply, elements.count == 4, case .integer(let allowed) = elements[0],
            case .integer(let binding) = elements[1], case .integer(let left) = elements[2],
            case .integer(let wait) = elements[3], let isAllowed = allowed.within(0...1),
            let index = binding.within(0...policy.windows.count - 1)
        else { return nil }
        let window = policy.windows[index]
        // A window and one piece of it.
        let longest = window.seconds * 1_000 / WindowTable.slots * (WindowTable.slots + 1) + 1_000
        guard let remaining = left.within(0...window.limit), let milliseconds = wait.within(0...longest) else {
            return nil
        }
        return RateVerdict(
            isAllowed: isAllowed == 1, window: index, remaining: remaining,
            resetSeconds: max(1, (milliseconds + 999) / 1_000))
    }
}
