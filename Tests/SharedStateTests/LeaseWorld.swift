@testable import HelperCore
@testable import SharedState

/// Replicas and one Redis over a network that loses and delays, in simulated time, chosen by a seed. The replicas run the
/// product's `LeaseTable`.
struct LeaseWorld {
    struct Faults {
        /// Of messages, lost on either way, in percent.
        var lost = 0
        var crashes = false
        var pauses = false
        /// Of messages, not sent at all, in percent.
        var unsent = 0
        /// Redis' clock is set back.
        var clockSteps = false
        /// Messages may take longer than leases last.
        var isSlow = false

        static let none = Faults()
        static let all = Faults(lost: 10, crashes: true, pauses: true, unsent: 10, clockSteps: true, isSlow: true)
    }

    private struct Holder {
        var name: String
        var table: LeaseTable
        /// Added to the world's time, and drift in parts of a million.
        let offset: UInt64
        let drift: Int64
        var pausedUntil: UInt64 = 0
        var waiting = 0
        var isFlushDue = false
        var checkAt: UInt64?
        /// When a renewal that is due goes out.
        var renewAt: UInt64?

        func clock(_ now: UInt64) -> UInt64 {
            offset + UInt64(Int64(now) + Int64(now) / 1_000_000 * drift)
        }
    }

    private enum Event {
        case arrives(LeaseMessage, from: Int, holder: String)
        case answered(LeaseAnswer, LeaseMessage, to: Int, holder: String)
        case fails(LeaseMessage, to: Int, holder: String)
        case stays(LeaseMessage, to: Int, holder: String)
    }

    private static let subject = RateSubject.address("ada")
    let policy: RatePolicy
    private let faults: Faults
    private var random: SplitMix
    private var holders: [Holder]
    private var ledger: LeaseLedger
    private var events: [(at: UInt64, number: Int, Event)] = []
    private var numbers = 0
    private var setBack: UInt64 = 0

    private(set) var now: UInt64 = 1_000_000_000_000
    /// When requests were allowed.
    private(set) var allowed: [UInt64] = []
    private(set) var refused: [UInt64] = []
    /// The most requests by which Redis charged a window less than had been allowed in it.
    private(set) var undercharged = 0
    /// By window, the first of `allowed` that is in it.
    private var firsts: [Int]
    private(set) var messages = 0
    /// Requests that had to wait for Redis.
    private(set) var waits = 0

    init(_ policy: RatePolicy, replicas: Int, _ faults: Faults, seed: UInt64) {
        self.policy = policy
        self.faults = faults
        random = SplitMix(state: seed)
        ledger = LeaseLedger(policy)
        holders = []
        firsts = policy.windows.map { _ in 0 }
        for index in 0..<replicas { holders.append(holder("r\(index)")) }
    }

    private mutating func holder(_ name: String) -> Holder {
        Holder(
            name: name, table: LeaseTable(policy, capacity: 8), offset: below(1_000_000_000_000_000),
            drift: Int64(below(400)) - 200)
    }

    mutating func below(_ end: UInt64) -> UInt64 { UInt64.random(in: 0..<max(1, end), using: &random) }

    private mutating func percent(_ number: Int) -> Bool { below(100) < UInt64(number) }

    var shortest: UInt64 { UInt64(policy.windows[0].seconds) * 1_000_000_000 }

    // MARK: Steps

    /// One request to a replica; one that is paused lets it wait, and so does not count it.
    mutating func request(to index: Int) {
        guard holders[index].pausedUntil <= now else { return }
        let clock = holders[index].clock(now)
        switch holders[index].table.take(Self.subject, at: clock) {
        case .allowed(_, let renewal):
            allowed.append(now)
            audit()
            if renewal == .urgent { holders[index].isFlushDue = true }
            if renewal == .due, holders[index].renewAt == nil {
                holders[index].renewAt = clock + holders[index].table.terms.pause
            }
        case .refused: refused.append(now)
        case .ask:
            waits += 1
            holders[index].waiting += 1
            holders[index].isFlushDue = true
        }
    }

    private mutating func flush(_ index: Int) {
        holders[index].renewAt = nil
        holders[index].isFlushDue = false
        let clock = holders[index].clock(now)
        guard let message = holders[index].table.message(Self.subject, need: holders[index].waiting, at: clock) else {
            return
        }
        holders[index].waiting = 0
        send(message, index)
    }

    private mutating func send(_ message: LeaseMessage, _ index: Int) {
        messages += 1
        let holder = holders[index].name
        if percent(faults.unsent) {
            // Known at once, or at the end of a wait for a script that has failed.
            schedule(.stays(message, to: index, holder: holder), after: percent(50) ? 0 : delay())
            return
        }
        let isLost = percent(faults.lost)
        if !isLost || percent(50) { schedule(.arrives(message, from: index, holder: holder), after: delay()) }
        // The replica waits for a while, whatever becomes of the message.
        if isLost { schedule(.fails(message, to: index, holder: holder), after: delay()) }
    }

    private mutating func delay() -> UInt64 {
        faults.isSlow && percent(20) ? below(shortest / 5) : 100_000 + below(2_000_000)
    }

    private mutating func schedule(_ event: Event, after delay: UInt64) {
        numbers += 1
        events.append((now + delay, numbers, event))
    }

    /// Lets time pass.
    mutating func advance(by duration: UInt64) {
        let end = now + duration
        while true {
            for index in holders.indices where holders[index].isFlushDue { flush(index) }
            let event = events.indices.min { (events[$0].at, events[$0].number) < (events[$1].at, events[$1].number) }
            let step = min(end, now + shortest / 100)
            if let event, events[event].at <= step {
                let (at, _, happened) = events.remove(at: event)
                now = max(now, at)
                happen(happened)
            } else {
                now = step
                for index in holders.indices { watch(index) }
                audit()
                if now == end { return }
            }
        }
    }

    private mutating func happen(_ event: Event) {
        switch event {
        case .arrives(let message, let index, let holder):
            let answer = ledger.answer(message, from: holder, at: Int((now - setBack) / 1_000))
            for _ in 0..<answer.granted { allowed.append(now) }
            for _ in answer.granted..<message.need { refused.append(now) }
            audit()
            schedule(.answered(answer, message, to: index, holder: holder), after: delay())
        case .answered(let answer, let message, let index, let holder):
            guard holders[index].name == holder else { return }
            guard holders[index].pausedUntil <= now else {
                schedule(event, after: holders[index].pausedUntil - now)
                return
            }
            let clock = holders[index].clock(now)
            if holders[index].table.answered(Self.subject, message, answer, at: clock) {
                holders[index].checkAt = clock + holders[index].table.terms.idleAfter
            }
            let waiting = holders[index].waiting
            holders[index].waiting = 0
            for _ in 0..<waiting { request(to: index) }
        case .fails(let message, let index, let holder):
            if holders[index].name == holder { holders[index].table.failed(Self.subject, message) }
        case .stays(let message, let index, let holder):
            guard holders[index].name == holder else { return }
            let clock = holders[index].clock(now)
            if holders[index].table.unsent(Self.subject, message) {
                holders[index].checkAt = clock + holders[index].table.terms.idleAfter
            }
        }
    }

    private mutating func watch(_ index: Int) {
        let clock = holders[index].clock(now)
        guard holders[index].pausedUntil <= now else { return }
        if let at = holders[index].renewAt, at <= clock { flush(index) }
        guard let at = holders[index].checkAt, at <= clock else { return }
        holders[index].checkAt = nil
        switch holders[index].table.giveBack(Self.subject, at: clock) {
        case .nothing: break
        case .inUse(let end): holders[index].checkAt = end
        case .message(let message): send(message, index)
        }
    }

    /// Something that goes wrong, if anything may.
    mutating func misfortune() {
        let index = Int(below(UInt64(holders.count)))
        if faults.crashes, percent(10) {
            numbers += 1
            holders[index] = holder("\(holders[index].name)'\(numbers)")
        }
        if faults.pauses, percent(10) { holders[index].pausedUntil = now + below(shortest / 4) }
        if faults.clockSteps, percent(3) { setBack += below(shortest / 2) }
    }

    // MARK: What must hold

    /// Holds what Redis charges against what was allowed.
    private mutating func audit() {
        for (index, window) in policy.windows.enumerated() {
            let start = now - min(now, UInt64(window.seconds) * 1_000_000_000)
            while firsts[index] < allowed.count, allowed[firsts[index]] <= start { firsts[index] += 1 }
            let count = allowed.count - firsts[index]
            undercharged = max(undercharged, count - ledger.charged(index, at: Int((now - setBack) / 1_000)))
        }
    }

    /// The most requests that any period of a window's length has seen, by window.
    func most() -> [Int] {
        let times = allowed.sorted()
        return policy.windows.map { window in
            let length = UInt64(window.seconds) * 1_000_000_000
            var most = 0
            var first = 0
            for (index, time) in times.enumerated() {
                while time - times[first] >= length { first += 1 }
                most = max(most, index - first + 1)
            }
            return most
        }
    }
}
