import EventLoop
import HTTP

/// Work on a request: when it begins, and what becomes of its answer.
extension HTTPConnection {
    func answer(_ head: RequestHead, _ body: [UInt8]) {
        clock.requestIsWhole()
        let id = requestID(head)
        current = (id, head.method == .head, head.version, body.capacity)
        requestBytes = body.capacity + head.heldBytes
        let request = Request(head: head, body: body, id: id, remoteAddress: remoteAddress)
        switch server.responder.respond(to: request) {
        case .now(let response): send(response)
        case .later(let begin): admit(request, begin, by: server.admission)
        case .operational(let begin): admit(request, begin, by: server.operationalAdmission)
        }
    }

    func admit(_ request: Request, _ begin: @escaping Begin, by admission: Admission) {
        guard server.memory.mayBegin(requestBytes) else { return send(server.configuration.outOfMemory(request)) }
        switch admission.enter(self, now: server.loop.milliseconds) {
        case .start(let slot): run(begin, in: slot)
        case .wait(let place): work = .queued(request, begin, place)
        case .refuse: send(server.responder.overloaded(request))
        }
    }

    /// The client's own name for a request, where it is well formed, else a new one.
    func requestID(_ head: RequestHead) -> RequestID {
        head.range(of: .xRequestID).flatMap { RequestID(received: head.bytes[$0]) } ?? server.makeRequestID()
    }

    /// Begins work on this very stack: what does not wait after all costs no turn of the loop.
    func run(_ begin: @escaping Begin, in slot: consuming AdmissionSlot) {
        let me = LoopBound(self, to: server.loop)
        work = .starting(slot)
        let task = server.loop.spawnNow {
            let response = await begin()
            me.value.finish(response)
            me.loop.taskEnded()
        }
        switch takeWork() {
        case .done(let response): if stage == .open { send(response) }
        case .starting(let slot):
            work = .running(task, slot)
            // Closed meanwhile.
            if stage != .open { stopWork() }
        default: preconditionFailure("Invalid state: work that has not begun")
        }
    }

    func takeWork() -> Work {
        var taken = Work.none
        swap(&taken, &work)
        return taken
    }

    func begin(in slot: consuming AdmissionSlot) {
        guard work.isQueued else { return }
        switch takeWork() {
        case .queued(_, let begin, _): run(begin, in: slot)
        default: return
        }
        process()
    }

    func waitedTooLong() {
        guard work.isQueued else { return }
        switch takeWork() {
        case .queued(let request, _, _): send(server.responder.overloaded(request))
        default: return
        }
        process()
    }

    /// Work has ended: its slot is free from here on.
    func finish(_ response: Response) {
        if case .starting = takeWork() {
            work = .done(response)
            return
        }
        guard stage == .open else {
            if stage == .closed { _ = charge.set(0) }
            return
        }
        send(response)
        process()
    }

    /// No client waits for the answer any more. Running work is cancelled; its memory counts until it ends.
    func stopWork() {
        switch takeWork() {
        case .running(let task, let slot):
            var charge = MemoryCharge(to: server.memory)
            _ = charge.set(requestBytes)
            charge.cancel(now: server.loop.milliseconds)
            work = .ending(slot, charge)
            task.cancel()
        case .queued: break
        case let other: work = other
        }
        writer?.stop()
        writer = nil
        rest = []
    }
}
