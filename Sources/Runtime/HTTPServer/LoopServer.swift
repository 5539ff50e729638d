import Bytes
import EventLoop
import HTTP
import Telemetry

/// The part of a server on one loop: its connections, their clocks, and what they share. Loop-confined.
final class LoopServer {
    /// How often deadlines are looked at; a limit is kept to within this.
    private static let sweepInterval = Duration.milliseconds(250)

    let loop: EventLoop
    let limits: ServerLimits
    let clocks: ServerLimits.Clocks
    let configuration: HTTPServerConfiguration
    let responder: any Responder
    let logger: Logger
    private let commonBlock: [UInt8]
    private let uncachedBlock: [UInt8]
    let census: ConnectionCensus
    let counts: ServerCounts
    /// The memory held for the clients of this loop.
    let memory: MemoryAccount
    /// The memory of idle connections: one that reads a request borrows it, and others make their own.
    let spareMemory = RequestMachine.SpareMemory()
    /// Slots of the requests whose answers have to be waited for.
    private(set) lazy var admission = makeAdmission(limits.requestsInFlight, limits.requestsQueued, counts.requests)
    /// Slots of operational requests, so that none of the others can hold them up.
    private(set) lazy var operationalAdmission = makeAdmission(
        limits.operationalRequestsInFlight, limits.operationalRequestsInFlight, counts.operations)
    private var connections: [ObjectIdentifier: HTTPConnection] = [:]
    /// The connections that make room for others when there are as many as there may be.
    var evictions = EvictionList()
    /// Hands a new connection to the next loop; the number says how many have had it.
    private let passOn: (consuming AcceptedSocket, Int) -> Void
    /// Stands before `connections` on a port that speaks TLS.
    private var tls: TLSAcceptor?
    private var timer: LoopTimer?
    private(set) var isDraining = false
    /// Idle connections have been closed, and only what is on its way is waited for.
    private(set) var isEnding = false
    private var whenEmpty: CheckedContinuation<Void, Never>?
    private var random = FastRandom()
    /// Answers are put together here and copied by the kernel or by the connection that must wait.
    var out: [UInt8] = []
    /// Date line, common fields, those that keep an answer out of caches, and the name of the request id's, made once a
    /// second.
    private var block: [UInt8] = []
    /// The same for an answer that says itself how it may be cached.
    private var cacheableBlock: [UInt8] = []
    /// Each behind the status line that nearly every answer has.
    private var okBlock: [UInt8] = []
    private var cacheableOKBlock: [UInt8] = []
    private var blockSecond = -1

    init(
        loop: EventLoop, configuration: HTTPServerConfiguration, commonBlock: [UInt8], uncachedBlock: [UInt8],
        responder: any Responder, census: ConnectionCensus, counts: ServerCounts, logger: Logger,
        passOn: @escaping (consuming AcceptedSocket, Int) -> Void
    ) {
        self.loop = loop
        self.passOn = passOn
        self.configuration = configuration
        limits = configuration.limits
        clocks = ServerLimits.Clocks(configuration.limits)
        self.commonBlock = commonBlock
        self.uncachedBlock = uncachedBlock
        self.responder = responder
        self.census = census
        self.counts = counts
        memory = MemoryAccount(budget: configuration.memory)
        self.logger = logger
        out.reserveCapacity(16 * 1024)
        refreshBlock()
        let timer = LoopTimer(loop: loop) { [weak self] in self?.sweep() }
        timer.start(after: Self.sweepInterval, every: Self.sweepInterval)
        self.timer = timer
        tls = configuration.tls.map { makeAcceptor($0) }
        let bound = LoopBound(self, to: loop)
        memory.budget.join(memory) { bound.loop.execute { bound.value.lookAtMemory() } }
    }

    private func makeAdmission(_ inFlightMax: Int, _ queuedMax: Int, _ counts: AdmissionCounts) -> Admission {
        Admission(
            inFlightMax: inFlightMax, queuedMax: queuedMax, queueTime: limits.queueTime.millisecondsUp, counts: counts
        ) { [weak self] in
            guard let self else { return }
            let bound = LoopBound(self, to: loop)
            loop.later { bound.value.serveWaiting() }
        }
    }

    /// Lets those that wait for a slot begin, where there is one.
    private func serveWaiting() {
        admission.serve(now: loop.milliseconds)
        operationalAdmission.serve(now: loop.milliseconds)
    }

    private func makeAcceptor(_ tls: TLSListenerConfiguration) -> TLSAcceptor {
        TLSAcceptor(
            configuration: tls, limits: limits, memory: memory, logger: logger,
            callbacks: TLSAcceptor.Callbacks(
                established: { [unowned self] connection, entry in open(connection, entry) },
                gone: { [unowned self] in if connectionCount == 0 { resumeWhenEmpty() } },
                plainAnswer: { [unowned self] in plainAnswer(to: $0) }))
    }

    /// The answer to a client that speaks HTTP without TLS on a port with it.
    private func plainAnswer(to method: HTTPMethod) -> [UInt8] {
        let id = makeRequestID()
        let head = RequestHead(
            method: method, version: .http11, bytes: [], pathRange: 0..<0, queryRange: nil, fields: [])
        let request = Request(head: head, body: [], id: id, remoteAddress: "")
        encode(configuration.refusal(.tlsExpected, request), id: id, isHead: method == .head, connection: .close)
        defer { out.removeAll(keepingCapacity: true) }
        return out
    }

    var connectionCount: Int { connections.count + (tls?.count ?? 0) }

    var memoryHolders: [any MemoryHolder] { connections.values.map { $0 } + (tls?.holders ?? []) }

    var evictables: [any Evictable] { connections.values.map { $0 } + (tls?.evictables ?? []) }

    /// Takes a new connection, closes it where its address has as many as it may have, or makes room for it.
    /// - Parameter tried: loops that could make none.
    func accept(_ socket: consuming AcceptedSocket, tried: Int = 0) {
        guard timer != nil else { return }
        let address = socket.remoteAddress.host
        switch census.enter(address) {
        case .entered(let entry): open(socket, entry)
        case .addressFull: counts.countRefused()
        case .full:
            reportConnectionsUsedUp()
            if makeRoom(for: address), case .entered(let entry) = census.enter(address, isReplacing: true) {
                open(socket, entry)
            } else {
                passOn(socket, tried + 1)
            }
        }
    }

    private func open(_ socket: consuming AcceptedSocket, _ entry: consuming CensusEntry) {
        do throws(UVError) {
            let tcp = try TCPConnection(loop: loop, socket: socket)
            if let tls { tls.accept(tcp, entry) } else { open(tcp, entry) }
            relieveMemory()
        } catch {
            logger.debug("a connection could not be set up", metadata: ["error": .string(error.description)])
        }
    }

    private func open(_ stream: any ByteStream, _ entry: consuming CensusEntry) {
        let bytes = tls == nil ? MemoryCost.connection : MemoryCost.tlsConnection
        let connection = HTTPConnection(tcp: stream, server: self, entry: entry, ownBytes: bytes)
        connections[ObjectIdentifier(connection)] = connection
        connection.start()
    }

    func remove(_ connection: HTTPConnection) {
        guard connections.removeValue(forKey: ObjectIdentifier(connection)) != nil else { return }
        if connectionCount == 0 { resumeWhenEmpty() }
    }

    func makeRequestID() -> RequestID { RequestID(using: &random) }

    // MARK: Answers

    /// Appends one answer to `out`. A field that cannot be sent is a defect of ours: the answer becomes a bare 500.
    func encode(_ response: Response, id: RequestID, isHead: Bool, connection: ResponseEncoder.Connection) {
        let start = out.count
        do throws(ResponseEncoder.InvalidField) {
            try append(response, id, isHead, connection, to: &out)
        } catch {
            out.removeLast(out.count - start)
            logger.error(
                "a response field could not be sent",
                metadata: ["request_id": .string(id.description), "error": .string("invalid field \(error.name)")])
            try? append(Response(status: .internalServerError), id, isHead, connection, to: &out)
        }
    }

    private func append(
        _ response: Response, _ id: RequestID, _ isHead: Bool, _ connection: ResponseEncoder.Connection,
        to out: inout [UInt8]
    ) throws(ResponseEncoder.InvalidField) {
        if response.status.code == 200 {
            out.append(contentsOf: response.isCacheable ? cacheableOKBlock : okBlock)
        } else {
            out.append(contentsOf: ResponseEncoder.statusLine(response.status))
            out.append(contentsOf: response.isCacheable ? cacheableBlock : block)
        }
        if configuration.sendsRequestID { id.appendLine(to: &out) }
        try ResponseEncoder.finish(
            status: response.status, fields: response.fields, ready: response.readyFields,
            numbered: response.numberedFields, body: response.body, isHead: isHead, connection: connection,
            into: &out)
    }

    /// Once a second, looked at four times a second.
    private func refreshBlock() {
        let second = configuration.now()
        guard second != blockSecond else { return }
        blockSecond = second
        cacheableBlock = Array("date: \(HTTPDate.format(second))\r\n".utf8) + commonBlock
        block = cacheableBlock + uncachedBlock
        if configuration.sendsRequestID {
            cacheableBlock += Self.requestIDName
            block += Self.requestIDName
        }
        okBlock = ResponseEncoder.statusLine(.ok) + block
        cacheableOKBlock = ResponseEncoder.statusLine(.ok) + cacheableBlock
    }

    private static let requestIDName = Array("x-request-id: ".utf8)

    // MARK: Clocks

    private func sweep() {
        refreshBlock()
        let now = loop.milliseconds
        for connection in connections.values {
            connection.closeIfClientIsGone()
            connection.lookAtReader()
            if connection.deadline <= now { connection.expire() }
        }
        tls?.sweep(EventLoop.nanoseconds())
        serveWaiting()
        lookAtMemory()
        releaseFreedMemoryAfterBurst()
    }

    // MARK: Ending

    func beginDraining() { isDraining = true }

    /// Returns how many connections had a request under way at the deadline.
    func shutdown(deadline: Duration) async -> Int {
        isDraining = true
        isEnding = true
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
        memory.budget.leave(memory)
        if connectionCount > 0 { await withCheckedContinuation { whenEmpty = $0 } }
        return cutOff
    }

    private func resumeWhenEmpty() {
        whenEmpty?.resume()
        whenEmpty = nil
    }
}
