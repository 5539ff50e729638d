import Bytes
import EventLoop
import HTTP

/// One connection: bytes in, requests to the responder, answers out, one deadline. Loop-confined.
///
/// What it holds, it holds by values that give it back when they are dropped: its entry in the census, its charge to the
/// memory budget, and its request's slot or place in the queue.
final class HTTPConnection: ByteStreamDelegate, AdmissionWaiter, MemoryHolder, Evictable {
    private let tcp: any ByteStream
    /// Held until the connection is gone, and the server forgets it then.
    private let server: LoopServer
    private let remoteAddress: String
    private var entry: CensusEntry?
    private var charge: MemoryCharge
    /// What it is charged for without any buffer.
    private let ownBytes: Int
    let clientGroup: String?
    private var machine: RequestMachine
    /// When `expire` is due, in milliseconds of the loop's clock.
    private(set) var deadline: UInt64 = .max
    private var clock = RequestMachine.Waiting.nothing
    private var stage = Stage.open
    private var peerHasEnded = false
    private var isReading = false
    /// What the peer had taken when that was last asked; nil while the stall clock does not run.
    private var takenAtLastLook: UInt64?
    /// When the kernel must have taken the whole answer, in milliseconds of the loop's clock.
    private var answerDeadline: UInt64 = .max
    private var requestsAnswered = 0
    private var pacer: PacedWriter?
    /// What of a large body waits for the bytes before it. It shares the answer's memory, so that a slow reader costs
    /// one piece and not the whole.
    private var rest: ArraySlice<UInt8> = []
    /// The request being answered: what its answer needs to know.
    private var current: (id: RequestID, isHead: Bool, version: RequestHead.Version, bodyBytes: Int)?
    /// What work on the last request holds of it: head and body.
    private var requestBytes = 0
    private var work = Work.none

    private typealias Begin = @Sendable () async -> Response

    private enum Stage {
        case open
        /// The last answer is on its way out.
        case closing
        /// Everything is sent; the peer's bytes are read and dropped for a while.
        case lingering
        case closed
    }

    /// What becomes of a request whose answer has to be waited for, with what it holds of the loop's admission.
    private enum Work: ~Copyable {
        case none
        /// Waits for a slot.
        case queued(Request, Begin, QueuePlace)
        /// Runs for the first time, below us on the stack.
        case starting(AdmissionSlot)
        /// Has ended without having waited.
        case done(Response)
        case running(Task<Void, Never>, AdmissionSlot)
        /// Is cancelled and has not ended. Until then it holds its slot, the request, and through us what we hold.
        case ending(AdmissionSlot, MemoryCharge)

        var isQueued: Bool {
            switch self {
            case .queued: true
            default: false
            }
        }

        var isEnding: Bool {
            switch self {
            case .ending: true
            default: false
            }
        }
    }

    /// - Parameter ownBytes: what the connection costs without any buffer.
    init(tcp: any ByteStream, server: LoopServer, entry: consuming CensusEntry, ownBytes: Int) {
        self.tcp = tcp
        self.server = server
        self.ownBytes = ownBytes
        clientGroup = entry.speaksForMany ? nil : entry.subject
        self.entry = consume entry
        charge = MemoryCharge(to: server.memory)
        remoteAddress = tcp.remoteAddress.host
        machine = RequestMachine(limits: server.limits.message)
    }

    func start() {
        tcp.attach(self)
        setDeadline(server.clocks.idleTime)
        clock = .request
        updateCharge(received: 0, unsent: 0)
        startReading()
    }

    /// Whether a request is being answered or an answer is on its way out.
    var isBusy: Bool { current != nil || tcp.unsentBytes > 0 }

    // MARK: Receiving

    func received(_ bytes: Span<UInt8>) {
        guard stage == .open else { return }
        machine.receive(server.spareMemory) { bytes.append(to: &$0) }
        process()
    }

    func receivedEnd() {
        peerHasEnded = true
        // A client may close its sending side and wait for the answer. One that is in the middle of a request is gone.
        if current == nil, tcp.unsentBytes == 0 { close() }
    }

    /// Answers to pipelined requests leave together once they are that large, in bytes.
    private static let batchBytes = 16 * 1024

    /// Takes requests from the bytes until one has to be waited for, or an answer is more than the socket takes: the next
    /// one is made when that one has left.
    private func process() {
        var needsData = false
        while !needsData, stage == .open, current == nil, pacer == nil, rest.isEmpty, tcp.unsentBytes == 0 {
            do throws(ProtocolError) {
                switch try machine.next() {
                case .needData: needsData = true
                case .continueExpected: server.out.append(contentsOf: ResponseEncoder.continueResponse)
                case .request(let head, let body): answer(head, body)
                }
            } catch {
                refuse(error)
            }
            if server.out.count >= Self.batchBytes { flush() }
        }
        flush()
        settle(needsData: needsData)
        // In a server that ends, bytes that begin no request do not keep a connection.
        if needsData, peerHasEnded || server.isEnding && machine.waiting == .request, current == nil {
            closeAfterFlush()
        }
    }

    /// Brings in order what depends on how far the connection has come: whether it reads, which clock runs, and what it
    /// holds.
    /// - Parameter needsData: whether it cannot go on without more bytes.
    private func settle(needsData: Bool) {
        let progress = machine.progress(server.spareMemory)
        if stage == .open {
            // A pipelining client may be ahead by one request's size; beyond that the kernel makes it wait.
            let isAhead = !needsData && progress.bufferedBytes > server.limits.message.headBytes
            if isAhead { stopReading() } else { startReading() }
        }
        let unsent = tcp.unsentBytes
        restartClock(progress.waiting, unsent: unsent)
        updateCharge(received: progress.heldBytes, unsent: unsent)
    }

    private func startReading() {
        guard !isReading else { return }
        isReading = true
        tcp.startReading()
    }

    private func stopReading() {
        guard isReading else { return }
        isReading = false
        tcp.stopReading()
    }

    private func refuse(_ error: ProtocolError) {
        let head = machine.refusedHead
        let id = requestID(head)
        let request = Request(head: head, body: [], id: id, remoteAddress: remoteAddress)
        stage = .closing
        server.encode(
            server.configuration.refusal(error, request), id: id, isHead: head.method == .head, connection: .close)
        machine.discard()
    }

    // MARK: Answering

    private func answer(_ head: RequestHead, _ body: [UInt8]) {
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

    private func admit(_ request: Request, _ begin: @escaping Begin, by admission: Admission) {
        guard server.memory.mayBegin(requestBytes) else { return send(server.configuration.outOfMemory(request)) }
        switch admission.enter(self, now: server.loop.milliseconds) {
        case .start(let slot): run(begin, in: slot)
        case .wait(let place): work = .queued(request, begin, place)
        case .refuse: send(server.responder.overloaded(request))
        }
    }

    /// The client's own name for a request, where it is well formed, else a new one.
    private func requestID(_ head: RequestHead) -> RequestID {
        head.range(of: .xRequestID).flatMap { RequestID(received: head.bytes[$0]) } ?? server.makeRequestID()
    }

    /// Begins work on this very stack: what does not wait after all costs no turn of the loop.
    private func run(_ begin: @escaping Begin, in slot: consuming AdmissionSlot) {
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

    private func takeWork() -> Work {
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
    private func finish(_ response: Response) {
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

    // MARK: Sending

    private func send(_ response: Response) {
        guard let current else { return }
        requestsAnswered += 1
        // What has been received is answered, also when the server is to end or the client will send no more.
        let mayEnd = (server.isDraining || peerHasEnded) && machine.bufferedBytes == 0
        let keepsAlive =
            machine.keepsAlive && !mayEnd && requestsAnswered < server.limits.requestsPerConnection
        let connection: ResponseEncoder.Connection =
            !keepsAlive ? .close : current.version == .http10 ? .keepAlive : .unsaid
        self.current = nil
        machine.finishRequest()
        // What was answered before leaves first, as long as the connection is open.
        if response.delivery != .whole { flush() }
        if !keepsAlive { stage = .closing }
        switch response.delivery {
        case .whole where response.body.count > Self.pieceBytes && !current.isHead:
            server.encode(response, id: current.id, isHead: true, connection: connection)
            rest = response.body[...]
            flush()
        case .whole:
            server.encode(response, id: current.id, isHead: current.isHead, connection: connection)
        case .abort:
            tcp.abort()
        case .truncated(let bodyBytes):
            let start = server.out.count
            server.encode(response, id: current.id, isHead: current.isHead, connection: connection)
            let whole = server.out.count - start
            server.out.removeLast(min(whole, max(0, response.body.count - bodyBytes)))
            flush()
            tcp.shutdownSending()
            close()
        case .paced(let chunk, let interval):
            server.encode(response, id: current.id, isHead: current.isHead, connection: connection)
            let bytes = server.out
            server.out = []
            pacer = PacedWriter(loop: server.loop, bytes: bytes, chunk: chunk, every: interval, to: tcp) {
                [weak self] in
                self?.paced()
            }
        }
    }

    private func paced() {
        pacer = nil
        if stage == .closing { closeAfterFlush() } else { process() }
    }

    private func flush() {
        if !server.out.isEmpty {
            tcp.write(server.out)
            server.out.removeAll(keepingCapacity: server.out.capacity <= Self.keptBytesMax)
        }
        sendRest()
        if stage == .closing, pacer == nil, tcp.unsentBytes == 0 { linger() }
    }

    /// Bytes of a body that are copied for the socket at a time.
    private static let pieceBytes = 64 * 1024
    /// The loop's buffer for answers is kept up to this size.
    private static let keptBytesMax = 256 * 1024

    /// Sends the next pieces of a large body, as long as the kernel takes them at once.
    private func sendRest() {
        while !rest.isEmpty, tcp.unsentBytes == 0 {
            let piece = Array(rest.prefix(Self.pieceBytes))
            rest = rest.count > Self.pieceBytes ? rest.dropFirst(Self.pieceBytes) : []
            tcp.write(piece)
        }
    }

    func flushed() {
        if !rest.isEmpty {
            sendRest()
            let unsent = tcp.unsentBytes
            if unsent > 0 {
                restartClock(machine.waiting, unsent: unsent)
                updateCharge(received: machine.heldBytes, unsent: unsent)
                return
            }
        }
        switch stage {
        case .closing where pacer == nil: linger()
        case .open: process()
        default: break
        }
    }

    // MARK: Memory

    var chargedBytes: Int { charge.bytes }
    var chargeNumber: UInt64 { charge.number }

    /// Accounts for what is held now. Not while an answer is being put together: others may have to be refused for it.
    /// - Parameters:
    ///   - received: what the machine holds.
    ///   - unsent: what the stream holds.
    private func updateCharge(received: Int, unsent: Int) {
        guard stage != .closed else { return }
        let body = current?.bodyBytes ?? 0
        let held = ownBytes + received + body + unsent + rest.count + (pacer?.unsentBytes ?? 0)
        if held != charge.bytes, charge.set(held) { server.relieveMemory() }
    }

    /// A client that waits for an answer is told why it gets none, as far as that can be said at once.
    func shed() {
        guard stage == .open, tcp.unsentBytes == 0, rest.isEmpty, pacer == nil else {
            // A reset: the kernel, too, drops what the client does not take.
            return abort()
        }
        if machine.isIdle { return close() }
        let head = machine.refusedHead
        let id = current?.id ?? requestID(head)
        let request = Request(head: head, body: [], id: id, remoteAddress: remoteAddress)
        stopWork()
        stage = .closing
        current = nil
        machine.discard()
        server.encode(
            server.configuration.outOfMemory(request), id: id, isHead: head.method == .head, connection: .close)
        flush()
        if ownBytes > MemoryCost.connection || stage != .lingering {
            close()
        } else {
            updateCharge(received: 0, unsent: 0)
        }
    }

    // MARK: Making room

    var spareTime: SpareTime? {
        guard !isBusy, rest.isEmpty, pacer == nil else { return nil }
        switch (stage, clock) {
        case (.open, .request): return spareTime(true, server.clocks.idleTime)
        case (.open, .head): return spareTime(false, server.clocks.headTime)
        case (.open, .body): return spareTime(false, server.clocks.bodyTime)
        case (.lingering, _): return spareTime(false, server.clocks.lingerTime)
        default: return nil
        }
    }

    private func spareTime(_ isIdle: Bool, _ allowed: UInt64) -> SpareTime {
        SpareTime(isIdle: isIdle, since: deadline &- min(deadline, allowed))
    }

    func evict() -> Bool {
        if clock == .request, tcp.hasUnreadBytes { return false }
        entry = nil
        close()
        return true
    }

    // MARK: Clocks

    /// Starts the clock of what the machine waits for now, unless it is running already: no byte restarts it.
    private func restartClock(_ waiting: RequestMachine.Waiting, unsent: Int) {
        guard stage == .open || stage == .closing else { return }
        if unsent > 0 {
            if takenAtLastLook == nil {
                takenAtLastLook = tcp.takenBytes
                // What is slow by our own doing must not count.
                answerDeadline =
                    pacer == nil ? server.loop.milliseconds &+ server.clocks.answerTime(unsent + rest.count) : .max
                setStallDeadline()
            }
            clock = .nothing
            return
        }
        takenAtLastLook = nil
        guard waiting != clock || waiting == .request else { return }
        clock = waiting
        switch waiting {
        case .request: setDeadline(server.clocks.idleTime)
        case .head: setDeadline(server.clocks.headTime)
        case .body: setDeadline(server.clocks.bodyTime)
        // Work has its own deadline, and so has its wait for a slot.
        case .answer, .nothing: deadline = .max
        }
    }

    /// - Parameter after: milliseconds.
    private func setDeadline(_ after: UInt64) { deadline = server.loop.milliseconds &+ after }

    private func setStallDeadline() {
        setDeadline(server.clocks.stallTime)
        deadline = min(deadline, answerDeadline)
    }

    /// The deadline has passed: refuses a slow request, lets go of anything else that makes no progress.
    func expire() {
        if stage == .open, clock == .request, tcp.hasUnreadBytes {
            // A request has come in time and is about to be read.
            return
        } else if stage == .open, clock == .head || clock == .body {
            machine.fail(.timeout)
            refuse(.timeout)
            flush()
            settle(needsData: false)
        } else if tcp.unsentBytes > 0 {
            let taken = tcp.takenBytes
            // A reset: the kernel, too, drops what the client does not take.
            guard server.loop.milliseconds < answerDeadline, taken > takenAtLastLook ?? 0 else { return abort() }
            takenAtLastLook = taken
            setStallDeadline()
        } else {
            close()
        }
    }

    // MARK: Ending

    /// Ends the connection when it carries nothing; one that is busy ends with its answer. One whose next request has
    /// arrived is not idle, although nobody has read it; one that has not carried anything yet may have its first on the
    /// way: both are waited for.
    func closeIfIdle() {
        guard !isBusy, machine.waiting == .request else { return }
        if requestsAnswered > 0, !tcp.hasUnreadBytes {
            closeAfterFlush()
        } else {
            setDeadline(server.clocks.firstRequestTime)
        }
    }

    /// Ends the connection when its client has reset it: what is worked on for it is cancelled. Where reading goes on, the
    /// reset shows by itself; it does not behind the client's end, nor where a client that is ahead is not read.
    func closeIfClientIsGone() {
        if current != nil, tcp.peerIsGone { close() }
    }

    private func closeAfterFlush() {
        guard stage == .open || stage == .closing else { return }
        stage = .closing
        if tcp.unsentBytes == 0 { linger() }
    }

    /// Closing with unread input makes the kernel send a reset, which can destroy an answer that is still on its way:
    /// so our side is closed first and the peer's bytes are read for a while (RFC 9112 §9.6).
    private func linger() {
        guard stage == .closing else { return }
        stage = .lingering
        tcp.shutdownSending()
        if peerHasEnded {
            close()
            return
        }
        setDeadline(server.clocks.lingerTime)
        machine.discard()
        updateCharge(received: 0, unsent: 0)
        startReading()
    }

    func close() {
        guard stage != .closed else { return }
        release()
        tcp.close()
    }

    private func abort() {
        guard stage != .closed else { return }
        release()
        tcp.abort()
    }

    func closed(_ error: (any Error)?) {
        release()
        entry = nil
        server.remove(self)
    }

    /// Lets go of everything but the socket, and of what cancelled work holds: it holds us.
    private func release() {
        stage = .closed
        stopWork()
        machine.discard()
        _ = charge.set(work.isEnding ? ownBytes : 0)
        charge.cancel(now: server.loop.milliseconds)
    }

    /// Nobody waits for the answer any more. What runs is cancelled; what it holds counts until it ends.
    private func stopWork() {
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
        pacer?.stop()
        pacer = nil
        rest = []
    }
}
