import EventLoop
import HelperCore
import Redis

/// The leases that one event loop has of its callers' allowances: carries out what `LeaseTable` decides. All messages of one
/// turn of the loop leave together, those of one policy in one script. Loop-confined.
final class LoopLeases {
    private typealias Waiter = CheckedContinuation<RateVerdict?, Never>
    typealias Addressed = (subject: RateSubject, message: LeaseMessage)

    /// Subjects of each policy. Beyond it the one that was seen longest ago asks Redis again.
    private static let subjectsMax = 16_384
    /// Messages in one script: Redis does nothing else while it runs.
    private static let messagesMax = 64

    private struct Part {
        let policy: RatePolicy
        var table: LeaseTable
        var waiters: [RateSubject: [Waiter]] = [:]
        /// Subjects whose renewal is due, some perhaps more than once.
        var due: [RateSubject] = []
        /// Subjects that hold something, each once, with the time to see whether they use it; about in the order of the
        /// times. From `firstCheck` on.
        var checks: [(subject: RateSubject, at: UInt64)] = []
        var firstCheck = 0
        var timer: LoopTimer?
        var isTimerRunning = false
    }

    let loop: EventLoop
    private let client: RedisClient
    private let health: RedisHealth
    private let holder: String
    private var parts: [Part]
    private var isFlushScheduled = false
    private var isClosed = false

    /// - Parameter holder: names this loop among all of all replicas.
    init(_ policies: [RatePolicy], loop: EventLoop, client: RedisClient, health: RedisHealth, holder: String) {
        loop.preconditionInLoop()
        self.loop = loop
        self.client = client
        self.health = health
        self.holder = holder
        parts = policies.map { Part(policy: $0, table: LeaseTable($0, capacity: Self.subjectsMax)) }
        for index in parts.indices {
            parts[index].timer = LoopTimer(loop: loop) { [weak self] in self?.timerFired(index) }
        }
    }

    /// Decides for one request if that needs no waiting; nil when Redis must be asked.
    func take(_ subject: RateSubject, under policy: RatePolicy) -> RateVerdict? {
        let index = index(policy)
        switch parts[index].table.take(subject, at: bootNanoseconds()) {
        case .allowed(let verdict, .none): return verdict
        case .allowed(let verdict, let renewal):
            parts[index].due.append(subject)
            if renewal == .urgent { scheduleFlush() } else { startTimer(index) }
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
            parts[index].waiters[subject, default: []].append(waiter)
            scheduleFlush()
        }
    }

    /// Gives every lease back, for the other replicas; waits for the answers. Nothing is leased from then on.
    func close() async {
        isClosed = true
        let now = bootNanoseconds()
        for index in parts.indices {
            parts[index].timer?.close()
            parts[index].timer = nil
            let messages = parts[index].table.giveBackAll(at: now).map { ($0, $1) as Addressed }
            for batch in Self.batches(messages) { await exchange(batch, [], index) }
        }
    }

    private func index(_ policy: RatePolicy) -> Int {
        guard let index = parts.firstIndex(where: { $0.policy.name == policy.name }) else {
            preconditionFailure("Invalid state: nobody announced the policy \(policy.name)")
        }
        return index
    }

    // MARK: Messages

    private func scheduleFlush() {
        guard !isFlushScheduled else { return }
        isFlushScheduled = true
        let me = LoopBound(self, to: loop)
        loop.later { me.value.flush() }
    }

    private func flush() {
        isFlushScheduled = false
        let now = bootNanoseconds()
        for index in parts.indices { send(index, idle: [], at: now) }
    }

    /// Sends what is due and what requests wait for.
    private func send(_ index: Int, idle: [Addressed], at now: UInt64) {
        var messages = idle
        var waiting: [[Waiter]] = idle.map { _ in [] }
        func add(_ subject: RateSubject, _ waiters: [Waiter]) -> Bool {
            guard let message = parts[index].table.message(subject, need: waiters.count, at: now) else { return false }
            messages.append((subject, message))
            waiting.append(waiters)
            return true
        }
        // A subject whose message is under way waits for the answer.
        for (subject, waiters) in parts[index].waiters where add(subject, waiters) {
            parts[index].waiters[subject] = nil
        }
        for subject in parts[index].due { _ = add(subject, []) }
        parts[index].due.removeAll(keepingCapacity: true)
        let me = LoopBound(self, to: loop)
        var first = 0
        for batch in Self.batches(messages) {
            let waiters = Array(waiting[first..<first + batch.count])
            first += batch.count
            loop.spawn { await me.value.exchange(batch, waiters, index) }
        }
    }

    private static func batches(_ messages: [Addressed]) -> [[Addressed]] {
        stride(from: 0, to: messages.count, by: messagesMax).map {
            Array(messages[$0..<min($0 + messagesMax, messages.count)])
        }
    }

    /// Sends messages and takes in the answers.
    /// - Parameter waiting: the requests that wait for each; none at all is none for any.
    private func exchange(_ messages: [Addressed], _ waiting: [[Waiter]], _ index: Int) async {
        let answers: [LeaseAnswer]
        do throws(RedisError) {
            answers = try await send(messages, parts[index].policy)
        } catch {
            health.note(error)
            for (place, asked) in messages.enumerated() {
                parts[index].table.failed(asked.subject, asked.message)
                let later = parts[index].waiters.removeValue(forKey: asked.subject) ?? []
                for waiter in (place < waiting.count ? waiting[place] : []) + later { waiter.resume(returning: nil) }
            }
            return
        }
        let now = bootNanoseconds()
        for (place, answer) in answers.enumerated() {
            let (subject, message) = messages[place]
            if parts[index].table.answered(subject, message, answer, at: now) { watch(subject, index, at: now) }
            if place < waiting.count {
                for (number, waiter) in waiting[place].enumerated() { waiter.resume(returning: answer.verdict(number)) }
            }
            serveLater(subject, index, at: now)
        }
    }

    private func send(_ messages: [Addressed], _ policy: RatePolicy) async throws(RedisError) -> [LeaseAnswer] {
        let reply: RESPValue
        do throws(RedisError) {
            reply = try await client.send(RateScript.command(messages, policy, holder: holder))
        } catch .server(let text) where text.hasPrefix("NOSCRIPT") {
            // Its scripts were flushed, or it is another server by now. It has not acted on the messages; running the
            // script in full loads it.
            reply = try await client.send(RateScript.command(messages, policy, holder: holder, byName: false))
        }
        guard let answers = RateScript.answers(reply, to: messages, policy) else {
            throw .malformed("the reply to a count has other numbers than a count")
        }
        return answers
    }

    /// Decides for requests that came while a message of their subject was under way.
    private func serveLater(_ subject: RateSubject, _ index: Int, at now: UInt64) {
        guard let waiters = parts[index].waiters.removeValue(forKey: subject) else { return }
        var rest: [Waiter] = []
        for waiter in waiters {
            switch parts[index].table.take(subject, at: now) {
            case .allowed(let verdict, let renewal):
                if renewal != .none { parts[index].due.append(subject) }
                waiter.resume(returning: verdict)
            case .refused(let verdict): waiter.resume(returning: verdict)
            case .ask: rest.append(waiter)
            }
        }
        if !rest.isEmpty { parts[index].waiters[subject] = rest }
        if !rest.isEmpty || !parts[index].due.isEmpty { scheduleFlush() }
    }

    // MARK: Time

    private func watch(_ subject: RateSubject, _ index: Int, at now: UInt64) {
        parts[index].checks.append((subject, now &+ parts[index].table.terms.idleAfter))
        startTimer(index)
    }

    private func startTimer(_ index: Int) {
        guard !parts[index].isTimerRunning else { return }
        parts[index].isTimerRunning = true
        parts[index].timer?.start(after: .nanoseconds(Int64(clamping: parts[index].table.terms.pause)))
    }

    private func timerFired(_ index: Int) {
        parts[index].isTimerRunning = false
        let now = bootNanoseconds()
        send(index, idle: idle(index, at: now), at: now)
        if parts[index].firstCheck < parts[index].checks.count { startTimer(index) }
    }

    /// Messages that give back what is not used.
    private func idle(_ index: Int, at now: UInt64) -> [Addressed] {
        var messages: [Addressed] = []
        while parts[index].firstCheck < parts[index].checks.count {
            let (subject, at) = parts[index].checks[parts[index].firstCheck]
            guard at <= now else { break }
            parts[index].firstCheck += 1
            switch parts[index].table.giveBack(subject, at: now) {
            case .nothing: break
            case .inUse(let end): parts[index].checks.append((subject, max(end, now)))
            case .message(let message): messages.append((subject, message))
            }
        }
        if parts[index].firstCheck > 1_024 || parts[index].firstCheck == parts[index].checks.count {
            parts[index].checks.removeFirst(parts[index].firstCheck)
            parts[index].firstCheck = 0
        }
        return messages
    }
}
