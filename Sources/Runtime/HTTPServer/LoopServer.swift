import EventLoop
import HTTP
import Telemetry

/// The part of a server on one loop: its connections, their clocks, and what they share. Loop-confined.
final class LoopServer {
    /// How often deadlines are looked at; a limit is kept to within this.
    private static let sweepInterval = Duration.milliseconds(250)

    let loop: EventLoop
    let limits: ServerLimits
    let configuration: HTTPServerConfiguration
    let responder: any Responder
    let logger: Logger
    private let commonBlock: [UInt8]
    private let uncachedBlock: [UInt8]
    private let count: ConnectionCount
    private var connections: [ObjectIdentifier: HTTPConnection] = [:]
    /// Stands before `connections` on a port that speaks TLS.
    private var tls: TLSAcceptor?
    private var timer: LoopTimer?
    private(set) var isDraining = false
    private var whenEmpty: CheckedContinuation<Void, Never>?
    private var random = FastRandom()
    /// Answers are put together here and copied by the kernel or by the connection that must wait.
    var out: [UInt8] = []
    /// Date line, common fields and those that keep an answer out of caches, made once a second.
    private var block: [UInt8] = []
    /// The same for an answer that says itself how it may be cached.
    private var cacheableBlock: [UInt8] = []
    private var blockSecond = -1

    init(
        loop: EventLoop, configuration: HTTPServerConfiguration, commonBlock: [UInt8], uncachedBlock: [UInt8],
        responder: any Responder, count: ConnectionCount, logger: Logger
    ) {
        self.loop = loop
        self.configuration = configuration
        limits = configuration.limits
        self.commonBlock = commonBlock
        self.uncachedBlock = uncachedBlock
        self.responder = responder
        self.count = count
        self.logger = logger
        out.reserveCapacity(64 * 1024)
        let timer = LoopTimer(loop: loop) { [weak self] in self?.sweep() }
        timer.start(after: Self.sweepInterval, every: Self.sweepInterval)
        self.timer = timer
        tls = configuration.tls.map { makeAcceptor($0) }
    }

    private func makeAcceptor(_ tls: TLSListenerConfiguration) -> TLSAcceptor {
        TLSAcceptor(
            configuration: tls, limits: limits, logger: logger,
            callbacks: TLSAcceptor.Callbacks(
                established: { [unowned self] in open($0) },
                gone: { [unowned self] in
                    count.leave()
                    if connectionCount == 0 { resumeWhenEmpty() }
                },
                plainAnswer: { [unowned self] in
                    let id = makeRequestID()
                    encode(configuration.refusal(.tlsExpected, id), id: id, isHead: false, connection: .close)
                    defer { out.removeAll(keepingCapacity: true) }
                    return out
                }))
    }

    var connectionCount: Int { connections.count + (tls?.count ?? 0) }

    func accept(_ socket: consuming AcceptedSocket) {
        guard timer != nil, count.enter() else { return }
        do throws(UVError) {
            let tcp = try TCPConnection(loop: loop, socket: socket)
            if let tls { tls.accept(tcp) } else { open(tcp) }
        } catch {
            count.leave()
            logger.debug("a connection could not be set up", metadata: ["error": .string(error.description)])
        }
    }

    private func open(_ stream: any ByteStream) {
        let connection = HTTPConnection(tcp: stream, server: self)
        connections[ObjectIdentifier(connection)] = connection
        connection.start()
    }

    func remove(_ connection: HTTPConnection) {
        guard connections.removeValue(forKey: ObjectIdentifier(connection)) != nil else { return }
        count.leave()
        if connectionCount == 0 { resumeWhenEmpty() }
    }

    func makeRequestID() -> RequestID { RequestID(using: &random) }

    // MARK: Answers

    /// Appends one answer to `out`. A field that cannot be sent is a defect of ours: the answer becomes a bare 500.
    func encode(_ response: Response, id: RequestID, isHead: Bool, connection: ResponseEncoder.Connection) {
        refreshBlock()
        let start = out.count
        do throws(ResponseEncoder.InvalidField) {
            try ResponseEncoder.encode(
                status: response.status, fields: response.fields, body: response.body, isHead: isHead,
                connection: connection, into: &out
            ) { appendLines(response.isCacheable ? cacheableBlock : block, id, to: &$0) }
        } catch {
            out.removeLast(out.count - start)
            logger.error(
                "a response field could not be sent",
                metadata: ["request_id": .string(id.description), "error": .string("invalid field \(error.name)")])
            try? ResponseEncoder.encode(
                status: .internalServerError, fields: HTTPFields(), body: [], isHead: isHead, connection: connection,
                into: &out
            ) { appendLines(block, id, to: &$0) }
        }
    }

    /// What stands on every answer: date, common fields, request id.
    private func appendLines(_ block: [UInt8], _ id: RequestID, to out: inout [UInt8]) {
        out.append(contentsOf: block)
        guard configuration.sendsRequestID else { return }
        out.append(contentsOf: Self.requestIDName)
        id.append(to: &out)
        out.append(0x0D)
        out.append(0x0A)
    }

    private func refreshBlock() {
        let second = wallClockSeconds()
        guard second != blockSecond else { return }
        blockSecond = second
        cacheableBlock = Array("date: \(HTTPDate.format(second))\r\n".utf8) + commonBlock
        block = cacheableBlock + uncachedBlock
    }

    private static let requestIDName = Array("x-request-id: ".utf8)

    // MARK: Clocks

    private func sweep() {
        let now = EventLoop.nanoseconds()
        for connection in connections.values where connection.deadline <= now { connection.expire(at: now) }
        tls?.sweep(now)
    }

    // MARK: Ending

    func beginDraining() { isDraining = true }

    /// Returns how many connections had a request under way at the deadline.
    func shutdown(deadline: Duration) async -> Int {
        isDraining = true
        tls?.close()
        for connection in connections.values { connection.closeIfIdle() }
        var cutOff = 0
        if connectionCount > 0 {
            let timer = LoopTimer(loop: loop) { [weak self] in self?.resumeWhenEmpty() }
            timer.start(after: deadline)
            await withCheckedContinuation { whenEmpty = $0 }
            timer.close()
            cutOff = connections.values.count { $0.isBusy }
            for connection in connections.values { connection.close() }
            tls?.close()
        }
        timer?.close()
        timer = nil
        if connectionCount > 0 { await withCheckedContinuation { whenEmpty = $0 } }
        return cutOff
    }

    private func resumeWhenEmpty() {
        whenEmpty?.resume()
        whenEmpty = nil
    }
}
