import Bytes
import EventLoop
import HTTP

/// One connection: bytes in, requests to the responder, answers out, one deadline. Loop-confined.
final class HTTPConnection: ByteStreamDelegate {
    private let tcp: any ByteStream
    /// Held until the connection is gone, and the server forgets it then.
    private let server: LoopServer
    private let remoteAddress: String
    private var machine: RequestMachine
    /// When `expire` is due, in milliseconds of the loop's clock.
    private(set) var deadline: UInt64 = .max
    private var clock = RequestMachine.Waiting.nothing
    private var stage = Stage.open
    private var peerHasEnded = false
    /// What the peer had taken when that was last asked; nil while the stall clock does not run.
    private var takenAtLastLook: UInt64?
    private var requestsAnswered = 0
    private var pacer: PacedWriter?
    /// What of a large body waits for the bytes before it. It shares the answer's memory, so that a slow reader costs
    /// one piece and not the whole.
    private var rest: ArraySlice<UInt8> = []
    /// The request being answered: what its answer needs to know.
    private var current: (id: RequestID, isHead: Bool, version: RequestHead.Version)?
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

    /// What becomes of a request whose answer has to be waited for.
    private enum Work {
        case none
        /// Waits for its turn.
        case queued(Request, Begin)
        /// Runs for the first time, below us on the stack.
        case starting
        /// Has ended without having waited.
        case done(Response)
        case running(Task<Void, Never>)
    }

    init(tcp: any ByteStream, server: LoopServer) {
        self.tcp = tcp
        self.server = server
        remoteAddress = tcp.remoteAddress.host
        machine = RequestMachine(limits: server.limits.message)
    }

    func start() {
        tcp.attach(self)
        setDeadline(server.clocks.idleTime)
        clock = .request
        tcp.startReading()
    }

    /// The peer's address, without a port.
    var address: String { remoteAddress }

    /// Whether a request is being answered or an answer is on its way out.
    var isBusy: Bool { current != nil || tcp.unsentBytes > 0 }

    // MARK: Receiving

    func received(_ bytes: Span<UInt8>) {
        guard stage == .open else { return }
        machine.receive { bytes.append(to: &$0) }
        process()
    }

    func receivedEnd() {
        peerHasEnded = true
        // A client may close its sending side and wait for the answer. One that is in the middle of a request is gone.
        if current == nil, tcp.unsentBytes == 0 { close() }
    }

    /// Takes requests from the bytes until one has to be waited for.
    private func process() {
        while stage == .open, current == nil, pacer == nil, rest.isEmpty,
            tcp.unsentBytes <= server.limits.unsentBytes
        {
            do throws(ProtocolError) {
                switch try machine.next() {
                case .needData:
                    flush()
                    restartClock()
                    // In a server that ends, bytes that begin no request do not keep a connection.
                    if peerHasEnded || server.isEnding && machine.waiting == .request, current == nil {
                        closeAfterFlush()
                    }
                    return
                case .continueExpected:
                    server.out.append(contentsOf: ResponseEncoder.continueResponse)
                case .request(let head, let body):
                    answer(head, body)
                }
            } catch {
                refuse(error)
            }
        }
        flush()
        // A pipelining client may be ahead by one request's size; beyond that the kernel makes it wait.
        if stage == .open, machine.bufferedBytes > server.limits.message.headBytes { tcp.stopReading() }
        restartClock()
    }

    private func refuse(_ error: ProtocolError) {
        let head = machine.refusedHead
        let id = requestID(head)
        let request = Request(head: head, body: [], id: id, remoteAddress: remoteAddress)
        stage = .closing
        server.encode(
            server.configuration.refusal(error, request), id: id, isHead: head.method == .head, connection: .close)
    }

    // MARK: Answering

    private func answer(_ head: RequestHead, _ body: [UInt8]) {
        let id = requestID(head)
        current = (id, head.method == .head, head.version)
        let request = Request(head: head, body: body, id: id, remoteAddress: remoteAddress)
        switch server.responder.respond(to: request) {
        case .now(let response): send(response)
        case .later(let begin):
            switch server.admission.enter(self) {
            case .start: run(begin)
            case .wait: work = .queued(request, begin)
            case .refuse: send(server.responder.overloaded(request))
            }
        }
    }

    /// The client's own name for a request, where it is well formed, else a new one.
    private func requestID(_ head: RequestHead) -> RequestID {
        head.range(of: .xRequestID).flatMap { RequestID(received: head.bytes[$0]) } ?? server.makeRequestID()
    }

    /// Begins work on this very stack: what does not wait after all costs no turn of the loop.
    private func run(_ begin: @escaping Begin) {
        let me = LoopBound(self, to: server.loop)
        work = .starting
        let task = server.loop.spawnNow {
            let response = await begin()
            me.value.finish(response)
            me.loop.taskEnded()
        }
        switch work {
        case .done(let response):
            work = .none
            server.workEnded()
            if stage == .open { send(response) }
        case .starting: work = .running(task)
        case .none, .queued, .running: task.cancel()  // closed meanwhile
        }
    }

    /// It is this connection's turn.
    func takeTurn() {
        guard case .queued(_, let begin) = work else { return }
        run(begin)
        process()
    }

    /// Whether it still waits for its turn.
    var isQueued: Bool { if case .queued = work { true } else { false } }

    /// Work has ended.
    private func finish(_ response: Response) {
        if case .starting = work {
            work = .done(response)
            return
        }
        work = .none
        server.workEnded()
        guard stage == .open else { return }
        send(response)
        flush()
        tcp.startReading()
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
            server.out.removeAll(keepingCapacity: true)
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
            server.out.removeAll(keepingCapacity: true)
        }
        sendRest()
        if stage == .closing, pacer == nil, tcp.unsentBytes == 0 { linger() }
    }

    /// Bytes of a body that are copied for the socket at a time.
    private static let pieceBytes = 256 * 1024

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
            if tcp.unsentBytes > 0 {
                restartClock()
                return
            }
        }
        switch stage {
        case .closing where pacer == nil: linger()
        case .open:
            tcp.startReading()
            process()
        default: break
        }
    }

    // MARK: Clocks

    /// Starts the clock of what the machine waits for now, unless it is running already: no byte restarts it.
    private func restartClock() {
        guard stage == .open || stage == .closing else { return }
        if tcp.unsentBytes > 0 {
            if takenAtLastLook == nil {
                takenAtLastLook = tcp.takenBytes
                setDeadline(server.clocks.stallTime)
            }
            clock = .nothing
            return
        }
        takenAtLastLook = nil
        let waiting = machine.waiting
        guard waiting != clock || waiting == .request else { return }
        clock = waiting
        switch waiting {
        case .request: setDeadline(server.clocks.idleTime)
        case .head: setDeadline(server.clocks.headTime)
        case .body: setDeadline(server.clocks.bodyTime)
        case .answer: if isQueued { setDeadline(server.clocks.queueTime) } else { deadline = .max }
        case .nothing: deadline = .max
        }
    }

    /// - Parameter after: milliseconds.
    private func setDeadline(_ after: UInt64) { deadline = server.loop.milliseconds &+ after }

    /// The deadline has passed: refuses a slow request, lets go of anything else that makes no progress.
    func expire() {
        if stage == .open, clock == .request, tcp.hasUnreadBytes {
            // A request has come in time and is about to be read.
            return
        } else if stage == .open, clock == .head || clock == .body {
            machine.fail(.timeout)
            refuse(.timeout)
            flush()
            setDeadline(server.clocks.stallTime)
        } else if stage == .open, case .queued(let request, _) = work {
            work = .none
            send(server.responder.overloaded(request))
            process()
        } else if stage == .open, clock == .answer {
            // Its turn came after the clock had been set: the answer has its own deadline.
            deadline = .max
        } else if tcp.unsentBytes > 0, tcp.takenBytes > takenAtLastLook ?? 0 {
            takenAtLastLook = tcp.takenBytes
            setDeadline(server.clocks.stallTime)
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
        tcp.startReading()
    }

    func close() {
        guard stage != .closed else { return }
        stopWork()
        tcp.close()
    }

    func closed(_ error: (any Error)?) {
        stopWork()
        server.remove(self)
    }

    /// Nobody waits for the answer any more.
    private func stopWork() {
        stage = .closed
        if case .running(let task) = work { task.cancel() }
        // What runs calls `finish` all the same, which gives its turn to the next.
        if isQueued { work = .none }
        pacer?.stop()
        pacer = nil
        rest = []
    }
}
