import HTTP

/// By when a connection must have come further: one deadline for each request and each answer, which no byte of the client's
/// moves. A value; the time is an argument, in milliseconds of the loop's clock.
struct ConnectionClock {
    /// When the connection is to be looked at.
    private(set) var deadline: UInt64 = .max
    /// What it waits for; `nothing` while the client is to take an answer.
    private(set) var waiting = RequestMachine.Waiting.nothing
    /// How the client comes on with the request or the answer that is under way.
    private(set) var progress = ClientProgress()
    /// What the client had taken when that was last asked; nil while no answer waits for it.
    private var takenAtLastLook: UInt64?
    /// When the kernel must have taken the whole answer.
    private var answerDeadline: UInt64 = .max

    /// Sets the deadline for whatever runs.
    mutating func set(after time: UInt64, now: UInt64) { deadline = now &+ time }

    /// A new connection waits for its first request.
    mutating func begin(_ times: ServerLimits.Clocks, now: UInt64) {
        waiting = .request
        set(after: times.idleTime, now: now)
    }

    /// A request is whole: what follows on the connection, answers and further requests, has clocks of its own.
    mutating func requestIsWhole() {
        waiting = .nothing
        deadline = .max
        takenAtLastLook = nil
    }

    /// Waits for bytes of a request, or for its answer, unless it does so already.
    mutating func wait(for waiting: RequestMachine.Waiting, _ times: ServerLimits.Clocks, now: UInt64) {
        takenAtLastLook = nil
        guard waiting != self.waiting || waiting == .request else { return }
        self.waiting = waiting
        switch waiting {
        case .request: set(after: times.idleTime, now: now)
        case .head:
            progress.begin(now: now)
            set(after: times.headTime, now: now)
        case .body:
            progress.begin(now: now)
            set(after: times.bodyTime, now: now)
        // Work has its own deadline, and so has its wait for a slot.
        case .answer, .nothing: deadline = .max
        }
    }

    /// Waits for the client to take an answer, unless it does so already.
    /// - Parameters:
    ///   - bytes: what the kernel has not taken of the answer; nil where we ourselves send it slowly.
    ///   - taken: what the client has taken of all answers.
    mutating func waitForReader(
        of bytes: Int?, taken: @autoclosure () -> UInt64, _ times: ServerLimits.Clocks, now: UInt64
    ) {
        waiting = .nothing
        guard takenAtLastLook == nil else { return }
        let taken = taken()
        takenAtLastLook = taken
        progress.begin(at: taken, now: now)
        answerDeadline = bytes.map { now &+ times.answerTime($0) } ?? .max
        setStallDeadline(times, now: now)
    }

    /// At the deadline: whether the client has taken enough to be waited for further.
    mutating func readerGoesOn(taken: UInt64, _ times: ServerLimits.Clocks, now: UInt64) -> Bool {
        guard now < answerDeadline, taken > takenAtLastLook ?? 0 else { return false }
        takenAtLastLook = taken
        setStallDeadline(times, now: now)
        return true
    }

    /// Records that bytes of the request have arrived.
    mutating func received(_ count: Int, now: UInt64) {
        if waiting == .head || waiting == .body { progress.advance(by: count, now: now) }
    }

    /// Records what the client has taken of all answers; moves no deadline.
    mutating func readerHasTaken(_ taken: UInt64, now: UInt64) { progress.reach(taken, now: now) }

    private mutating func setStallDeadline(_ times: ServerLimits.Clocks, now: UInt64) {
        set(after: times.stallTime, now: now)
        deadline = min(deadline, answerDeadline)
    }

    /// Since when it waits for what it may wait for that long.
    func since(_ allowed: UInt64) -> UInt64 { deadline &- min(deadline, allowed) }
}
