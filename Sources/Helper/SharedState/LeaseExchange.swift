import Bytes
import EventLoop
import HelperCore
import Redis

/// Exchanges messages about leases with Redis for one event loop: asks for requests that wait, renews the leases that the loop's
/// requests have found due, and gives unused leases back. The messages of one turn of the loop leave together, in one script for
/// each policy.
///
/// At most `scriptsMax` scripts are under way. Further messages queue: first those for requests, the longest wait first under
/// whatever policy, then renewals, the urgent ones first, then unused leases. A message is made when it leaves, so a lease
/// serves while its renewal queues. Loop-confined.
final class LeaseExchange {
    /// How a loop reaches Redis.
    struct Channel {
        /// Whether a command would leave now.
        let isReady: () -> Bool
        /// Throws `notReady` only when the command has not left.
        let send: (RESPCommand) async throws(RedisError) -> RESPValue
        /// How long a request waits for its turn: beyond it the request is decided without Redis.
        let patience: Duration
    }

    /// Scripts under way at a time. The last of them waits for the others, and for those of the other connections: with 26 µs of
    /// Redis' processor a message, six loops of three replicas keep each other waiting for 20 ms at most. A reply that comes too
    /// late ends the leases of every script under way.
    static let scriptsMax = 4
    /// Messages in one script: Redis does nothing else while it runs.
    static let messagesMax = 32
    /// Subjects with requests that wait for their turn. Requests of others are decided without Redis.
    static let waitingMax = 4_096
    /// Renewals that wait for their turn. A lease that is not renewed serves until it is used up.
    static let renewalsMax = 2 * PolicyLeases.subjectsMax

    private struct Part {
        let leases: PolicyLeases
        /// Subjects with requests that wait, and since when.
        var waiting = Fifo<(subject: RateSubject, since: UInt64)>()
        /// Subjects whose renewal is due, some perhaps more than once.
        var urgent = Fifo<RateSubject>()
        var due = Fifo<RateSubject>()
        /// Subjects that hold something, with the time to see whether they use it; about in the order of the times.
        var checks = Fifo<(subject: RateSubject, at: UInt64)>()
        /// Checks up to this time may be made.
        var checkedTo: UInt64 = 0
        var timer: LoopTimer?
        var isTimerRunning = false

        var hasRenewals: Bool { !urgent.isEmpty || !due.isEmpty }
        var hasChecks: Bool { checks.first.map { $0.at <= checkedTo } ?? false }
    }

    let loop: EventLoop
    private let channel: Channel
    private let health: RedisHealth
    private let holder: String
    private var parts: [Part]
    private var underWay = 0
    /// Something that could leave waits for a script to end.
    private var isHeldUp = false
    private var isFlushScheduled = false
    private var isClosed = false

    /// - Parameters:
    ///   - leases: by policy.
    ///   - holder: names this replica among all.
    init(_ leases: [PolicyLeases], loop: EventLoop, channel: Channel, health: RedisHealth, holder: String) {
        loop.preconditionInLoop()
        self.loop = loop
        self.channel = channel
        self.health = health
        self.holder = holder
        parts = leases.map { Part(leases: $0) }
        for index in parts.indices {
            parts[index].timer = LoopTimer(loop: loop) { [weak self] in self?.timerFired(index) }
        }
    }

    // MARK: Requests

    /// Decides for one request if that needs no waiting; nil when Redis must be asked.
    func take(_ subject: RateSubject, under policy: RatePolicy) -> RateVerdict? {
        let index = index(policy)
        switch parts[index].leases.take(subject) {
        case .allowed(let verdict, .none): return verdict
        case .allowed(let verdict, let renewal):
            renew(subject, index, renewal)
            return verdict
        case .refused(let verdict): return verdict
        case .ask: return nil
        }
    }

    /// Asks Redis for one request, with all that is to be asked in this turn.
    /// - Returns: nil when Redis gives no answer.
    func ask(_ subject: RateSubject, under policy: RatePolicy) async -> RateVerdict? {
        await withCheckedContinuation { waiter in
            let index = index(policy)
            guard !isClosed else { return waiter.resume(returning: nil) }
            guard parts[index].leases.wait(subject, waiter) else { return }
            ask(subject, index)
        }
    }

    private func ask(_ subject: RateSubject, _ index: Int) {
        guard parts[index].waiting.count < Self.waitingMax else { return parts[index].leases.giveUp(subject) }
        parts[index].waiting.append((subject, EventLoop.nanoseconds()))
        scheduleFlush()
    }

    private func renew(_ subject: RateSubject, _ index: Int, _ renewal: Lease.Renewal) {
        guard !isClosed, parts[index].urgent.count + parts[index].due.count < Self.renewalsMax else { return }
        switch renewal {
        case .none: break
        case .due:
            parts[index].due.append(subject)
            startTimer(index)
        case .urgent:
            parts[index].urgent.append(subject)
            scheduleFlush()
        }
    }

    private func index(_ policy: RatePolicy) -> Int {
        guard let index = parts.firstIndex(where: { $0.leases.policy.name == policy.name }) else {
            preconditionFailure("Invalid state: unknown policy \(policy.name)")
        }
        return index
    }

    /// Leases nothing from now on; requests are decided without Redis.
    func stop() {
        isClosed = true
        for index in parts.indices {
            parts[index].timer?.close()
            parts[index].timer = nil
            while let (subject, _) = parts[index].waiting.popFirst() { parts[index].leases.giveUp(subject) }
        }
    }

    /// Gives every lease of this replica back, for the others; waits for the answers. Every exchange has been stopped.
    func giveBackAll() async {
        for index in parts.indices {
            let messages = parts[index].leases.giveBackAll()
            // One after the other: no request waits for them.
            for first in stride(from: 0, to: messages.count, by: Self.messagesMax) {
                await exchange(Array(messages[first..<min(first + Self.messagesMax, messages.count)]), index)
            }
        }
    }

    // MARK: Messages

    private func scheduleFlush() {
        guard !isFlushScheduled else { return }
        isFlushScheduled = true
        let me = LoopBound(self, to: loop)
        loop.later { me.value.flush() }
    }

    /// Sends what there is to say, as far as it may leave now.
    private func flush() {
        isFlushScheduled = false
        guard !isClosed else { return }
        guard channel.isReady() else { return putOff() }
        while let index = longestWait, sendScript(index) {}
        for index in parts.indices {
            while parts[index].hasRenewals || parts[index].hasChecks, sendScript(index) {}
        }
    }

    /// The policy under which a request waits longest.
    private var longestWait: Int? {
        func since(_ index: Int) -> UInt64 { parts[index].waiting.first?.since ?? .max }
        return parts.indices.min { since($0) < since($1) }.flatMap { parts[$0].waiting.isEmpty ? nil : $0 }
    }

    /// Redis cannot be told anything now: requests do not wait for it, leases serve on until their end.
    private func putOff() {
        for index in parts.indices {
            while let (subject, _) = parts[index].waiting.popFirst() { parts[index].leases.giveUp(subject) }
            if parts[index].hasRenewals || parts[index].hasChecks { startTimer(index) }
        }
    }

    /// Sends the next script of a policy, if it has anything to say.
    /// - Returns: false when it must wait for another to end.
    private func sendScript(_ index: Int) -> Bool {
        guard underWay < Self.scriptsMax else {
            isHeldUp = true
            return false
        }
        let messages = nextMessages(index)
        guard !messages.isEmpty else { return true }
        underWay += 1
        let me = LoopBound(self, to: loop)
        loop.spawn {
            await me.value.exchange(messages, index)
            me.value.exchangeEnded()
        }
        return true
    }

    private func exchangeEnded() {
        underWay -= 1
        guard isHeldUp else { return }
        isHeldUp = false
        scheduleFlush()
    }

    /// The messages of one script, those that are needed most first.
    private func nextMessages(_ index: Int) -> [PolicyLeases.Outgoing] {
        var messages: [PolicyLeases.Outgoing] = []
        let leases = parts[index].leases
        let now = EventLoop.nanoseconds()
        let oldest = now - min(now, UInt64(clamping: channel.patience.nanoseconds))
        while messages.count < Self.messagesMax, let (subject, since) = parts[index].waiting.popFirst() {
            if since < oldest {
                leases.giveUp(subject)
            } else if let message = leases.message(subject) {
                messages.append(message)
            }
        }
        while messages.count < Self.messagesMax,
            let subject = parts[index].urgent.popFirst() ?? parts[index].due.popFirst()
        {
            if let message = leases.message(subject) { messages.append(message) }
        }
        while messages.count < Self.messagesMax, parts[index].hasChecks,
            let (subject, _) = parts[index].checks.popFirst()
        {
            switch leases.giveBack(subject) {
            case .nothing: break
            case .inUse(let end): parts[index].checks.append((subject, max(end, parts[index].checkedTo &+ 1)))
            case .message(let message):
                messages.append(PolicyLeases.Outgoing(subject: subject, message: message, waiters: []))
            }
        }
        return messages
    }

    /// Sends messages and applies the answers.
    private func exchange(_ messages: [PolicyLeases.Outgoing], _ index: Int) async {
        let leases = parts[index].leases
        do throws(RedisError) {
            let addressed = messages.map { (subject: $0.subject, message: $0.message) }
            let answers = try await RateScript.run(addressed, leases.policy, holder: holder, send: channel.send)
            for (sent, answer) in zip(messages, answers) { follow(leases.answered(sent, answer), sent.subject, index) }
        } catch {
            health.note(error)
            // While the connection is closed for good, `notReady` says nothing of what had left before.
            let hasLeft = error.kind != .notReady || isClosed
            for sent in messages { follow(leases.failed(sent, hasLeft: hasLeft), sent.subject, index) }
        }
    }

    private func follow(_ aftermath: PolicyLeases.Aftermath, _ subject: RateSubject, _ index: Int) {
        if isClosed {
            if aftermath.mustAsk { parts[index].leases.giveUp(subject) }
            return
        }
        if aftermath.isWatched {
            parts[index].checks.append((subject, bootNanoseconds() &+ parts[index].leases.terms.idleAfter))
            startTimer(index)
        }
        if aftermath.mustAsk { ask(subject, index) }
        renew(subject, index, aftermath.renewal)
    }

    // MARK: Time

    private func startTimer(_ index: Int) {
        guard !parts[index].isTimerRunning else { return }
        parts[index].isTimerRunning = true
        parts[index].timer?.start(after: .nanoseconds(Int64(clamping: parts[index].leases.terms.pause)))
    }

    private func timerFired(_ index: Int) {
        parts[index].isTimerRunning = false
        parts[index].checkedTo = bootNanoseconds()
        flush()
        if !parts[index].checks.isEmpty { startTimer(index) }
    }
}
