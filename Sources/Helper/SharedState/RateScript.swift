import Bytes
import Crypto
import HelperCore
import Redis

/// Counts requests and grants leases in Redis, for many subjects of one policy in one script: atomic, in one round trip, and
/// by Redis' own clock, so that limits hold over all replicas whatever their clocks say.
///
/// One hash for each subject: `window:piece` to the requests counted in that piece (`WindowTable`'s algorithm), and
/// `=lease:end` to the tokens that a lease holds until `end`, in microseconds. Tokens of a lease are charged to every window
/// until its owner says that they were used or are given back. A lease that ends is counted in the piece of its end.
///
/// Should Redis' clock be set back, what was counted later than now counts as made now. Charges are written before what they
/// replace is deleted: a script that Redis ends half-way, for want of a right or of memory, leaves too much charged, not too
/// little.
enum RateScript {
    /// Of a limit this share may be held in leases, all replicas together: so many requests may be refused too early.
    static let leasedShare = 16
    /// A single lease takes at most this share of what is left.
    static let leftShare = 8

    private static let clock = "redis.call('TIME')"
    private static let source = source(clock: clock)

    /// - Parameter clock: what yields the time in Lua: seconds, and microseconds of the second.
    static func source(clock: String) -> String {
        """
        local slots, life = tonumber(ARGV[1]), tonumber(ARGV[2])
        local leasedShare, leftShare, count = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
        local time = \(clock)
        local now = time[1] * 1000000 + time[2]
        local function text(number) return string.format('%.0f', number) end
        local limits, pieces, current, longest = {}, {}, {}, 0
        for w = 1, count do
          limits[w], pieces[w] = tonumber(ARGV[4 + 2 * w]), tonumber(ARGV[5 + 2 * w])
          current[w] = math.floor(now / pieces[w])
          longest = math.max(longest, pieces[w] * (slots + 1))
        end
        local expiry = text(math.ceil((longest + life) / 1000) + 1000)
        local answers, a = {}, 2 * count + 5
        for i, key in ipairs(KEYS) do
          local name = ARGV[a + 1]
          local used, keep = tonumber(ARGV[a + 2]), tonumber(ARGV[a + 3])
          local need, ahead = tonumber(ARGV[a + 4]), tonumber(ARGV[a + 5])
          a = a + 5
          local fields = redis.call('HGETALL', key)
          -- A key expires from its first write on, wherever the script ends. That write must not be PEXPIRE: a Redis that is
          -- full would allow every other after it.
          local expires = false
          local function write(field, number)
            redis.call('HINCRBY', key, field, text(number))
            if expires then return end
            if type(redis.pcall('PEXPIRE', key, expiry)) == 'table' then
              if #fields == 0 then redis.call('DEL', key) end
              redis.call('PEXPIRE', key, expiry)
            end
            expires = true
          end
          local totals, oldest = {}, {}
          for w = 1, count do totals[w], oldest[w] = 0, current[w] end
          local function see(w, slot, number)
            totals[w] = totals[w] + number
            if slot < oldest[w] then oldest[w] = slot end
          end
          local function add(w, slot, number)
            write(w .. ':' .. text(slot), number)
            see(w, slot, number)
          end
          local others, mine, record, lapsed, gone = 0, nil, nil, false, {}
          for j = 1, #fields, 2 do
            local field, number = fields[j], tonumber(fields[j + 1])
            local holder, finish = string.match(field, '^=(.*):(%d+)$')
            if holder then
              finish = tonumber(finish)
              if finish <= now then
                for w = 1, count do
                  local slot = math.floor(finish / pieces[w])
                  if slot >= current[w] - slots then add(w, slot, number) end
                end
                gone[#gone + 1] = field
                if holder == name then lapsed = true end
              elseif holder == name then
                mine, record = number, field
                gone[#gone + 1] = field
              else
                others = others + number
                if finish > now + life then
                  write('=' .. holder .. ':' .. text(now + life), number)
                  gone[#gone + 1] = field
                end
              end
            else
              local w, slot = string.match(field, '^(%d+):(%d+)$')
              w, slot = tonumber(w), tonumber(slot)
              if not slot or w > count or slot < current[w] - slots then
                gone[#gone + 1] = field
              elseif slot > current[w] then
                add(w, current[w], number)
                gone[#gone + 1] = field
              else
                see(w, slot, number)
              end
            end
          end
          local kept = 0
          if mine and mine >= used + keep then kept = 1 else keep = 0 end
          if lapsed then used = 0 end
          local free, room = nil, nil
          for w = 1, count do
            if used > 0 then add(w, current[w], used) end
            local left, share = limits[w] - totals[w] - others - keep, math.floor(limits[w] / leasedShare)
            free = math.min(free or left, left)
            room = math.min(room or share, share)
          end
          local granted = math.max(0, math.min(need, free))
          free, room = free - granted, room - others - keep
          local more = math.max(0, math.min(ahead, math.floor(free / leftShare), math.ceil(room / 2)))
          if granted > 0 then
            for w = 1, count do add(w, current[w], granted) end
          end
          if keep + more > 0 then
            local field = '=' .. name .. ':' .. text(now + life)
            if field == record then field = '=' .. name .. ':' .. text(now + life + 1) end
            write(field, keep + more)
          end
          for j = 1, #gone, 100 do redis.call('HDEL', key, unpack(gone, j, math.min(j + 99, #gone))) end
          local best, left, reset = 0, nil, 0
          for w = 1, count do
            local remaining = math.max(0, limits[w] - totals[w] - others - keep - more)
            local wait = (oldest[w] + slots + 1) * pieces[w] - now
            if left == nil or remaining < left or (remaining == left and wait > reset) then
              best, left, reset = w, remaining, wait
            end
          end
          -- What others hold comes back, used or not, when their leases end.
          if left == 0 and others > 0 then reset = math.min(reset, life) end
          answers[i] = {kept, granted, more, best - 1, left, math.ceil(reset / 1000), others}
        end
        return answers
        """
    }

    /// Loads the script; its reply is its name.
    static let load = RESPCommand("SCRIPT", "LOAD", source)

    /// Redis names a script by its SHA-1 in hexadecimal.
    private static let name = Array(Hex.encode(SHA1.hash(Array(source.utf8))).utf8)

    /// - Parameters:
    ///   - messages: of different subjects.
    ///   - holder: names the replica.
    ///   - byName: false sends the whole script, for a Redis that does not know it.
    static func command(
        _ messages: [(subject: RateSubject, message: LeaseMessage)], _ policy: RatePolicy, holder: String,
        byName: Bool = true
    ) -> RESPCommand {
        let start = byName ? [Array("EVALSHA".utf8), name] : [Array("EVAL".utf8), Array(source.utf8)]
        return RESPCommand(start + arguments(messages, policy, holder: holder).map { Array($0.utf8) })
    }

    /// Sends messages, with the whole script to a Redis that does not know it: its scripts were flushed, or it is another
    /// server by now. It has not acted on the messages then, and running the script in full loads it.
    static func run(
        _ messages: [(subject: RateSubject, message: LeaseMessage)], _ policy: RatePolicy, holder: String,
        send: (RESPCommand) async throws(RedisError) -> RESPValue
    ) async throws(RedisError) -> [LeaseAnswer] {
        let reply: RESPValue
        do throws(RedisError) {
            reply = try await send(command(messages, policy, holder: holder))
        } catch .server(let text) where text.hasPrefix("NOSCRIPT") {
            reply = try await send(command(messages, policy, holder: holder, byName: false))
        }
        guard let answers = answers(reply, to: messages, policy) else {
            throw .malformed("the reply to a count has other numbers than a count")
        }
        return answers
    }

    static func key(_ subject: RateSubject, _ policy: RatePolicy) -> String {
        let windows = policy.windows.map { String($0.seconds) }.joined(separator: "-")
        return "mlaas:rates:\(policy.name.rawValue):\(windows):{\(subject)}"
    }

    /// What follows the script or its name.
    static func arguments(
        _ messages: [(subject: RateSubject, message: LeaseMessage)], _ policy: RatePolicy, holder: String
    ) -> [String] {
        var arguments = [String(messages.count)]
        for (subject, _) in messages { arguments.append(key(subject, policy)) }
        arguments += [
            String(WindowTable.slots), String(LeaseTerms(policy).lifetime / 1_000), String(leasedShare),
            String(leftShare), String(policy.windows.count),
        ]
        for window in policy.windows {
            arguments += [String(window.limit), String(window.seconds * 1_000_000 / WindowTable.slots)]
        }
        for (_, message) in messages {
            arguments += [
                "\(holder).\(message.name)", String(message.used), String(message.keep), String(message.need),
                String(message.ahead),
            ]
        }
        return arguments
    }

    /// Nil when the reply is not what the script answers: for each message seven numbers, each in the range that message and
    /// policy leave it.
    static func answers(
        _ reply: RESPValue, to messages: [(subject: RateSubject, message: LeaseMessage)], _ policy: RatePolicy
    ) -> [LeaseAnswer]? {
        guard case .array(let elements) = reply, elements.count == messages.count else { return nil }
        var answers: [LeaseAnswer] = []
        for (element, asked) in zip(elements, messages) {
            guard let answer = answer(element, to: asked.message, policy) else { return nil }
            answers.append(answer)
        }
        return answers
    }

    private static func answer(_ reply: RESPValue, to message: LeaseMessage, _ policy: RatePolicy) -> LeaseAnswer? {
        guard case .array(let elements) = reply, elements.count == 7 else { return nil }
        func number(_ index: Int, _ most: Int) -> Int? {
            guard case .integer(let number) = elements[index] else { return nil }
            return number.within(0...most)
        }
        guard let kept = number(0, 1), let granted = number(1, message.need), let ahead = number(2, message.ahead),
            let index = number(3, policy.windows.count - 1)
        else { return nil }
        let window = policy.windows[index]
        // A window and one piece of it.
        let longest = window.seconds * 1_000 / WindowTable.slots * (WindowTable.slots + 1) + 1_000
        guard let left = number(4, window.limit), let milliseconds = number(5, longest),
            let othersHold = number(6, .max)
        else { return nil }
        return LeaseAnswer(
            isKept: kept == 1, granted: granted, ahead: ahead, window: index, left: left,
            reset: UInt64(milliseconds) * 1_000_000, othersHold: othersHold)
    }
}
