import Bytes
import EventLoop
import HTTP

/// One connection: bytes in, requests to the responder, answers out, one deadline. Loop-confined.
///
/// What it holds, it holds by values that give it back when they are dropped: its entry in the census, its charge to the
/// memory budget, and its request's slot or place in the queue.
final class HTTPConnection: ByteStreamDelegate, AdmissionWaiter, MemoryHolder, Evictable {
    let tcp: any ByteStream
    /// Held until the connection is gone, and the server forgets it then.
    let server: LoopServer
    let remoteAddress: String
    var entry: CensusEntry?
    var charge: MemoryCharge
    /// What it is charged for without any buffer.
    let ownBytes: Int
    let clientGroup: String?
    var machine: RequestMachine
    var clock = ConnectionClock()
    var stage = Stage.open
    var peerHasEnded = false
    var isReading = false
    /// What has arrived is answered further in the loop's next round.
    private(set) var isPutOff = false
    var requestsAnswered = 0
    /// What sends the last answer in place of the server.
    var writer: (any ResponseWriter)?
    /// What of a large body waits for the bytes before it. It shares the answer's memory, so that a slow reader costs
    /// one piece and not the whole.
    var rest: ArraySlice<UInt8> = []
    /// The request being answered: what its answer needs to know.
    var current: (id: RequestID, isHead: Bool, version: RequestHead.Version, bodyBytes: Int)?
    /// What work on the last request holds of it: head and body.
    var requestBytes = 0
    var work = Work.none

    enum Stage {
        case open
        /// The last answer is on its way out.
        case closing
        /// Everything is sent; the peer's bytes are read and dropped for a while.
        case lingering
        case closed
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
        clock.begin(server.clocks, now: server.loop.milliseconds)
        updateCharge(received: 0, unsent: 0)
        startReading()
    }

    /// When `expire` is due, in milliseconds of the loop's clock.
    var deadline: UInt64 { clock.deadline }

    /// Whether a request is being answered or waits for the connection's turn, or an answer is on its way out.
    var isBusy: Bool { current != nil || isPutOff || tcp.unsentBytes > 0 }

    // MARK: Receiving

    func received(_ bytes: Span<UInt8>) {
        guard stage == .open else { return }
        clock.received(bytes.count, now: server.loop.milliseconds)
        machine.receive(server.spareMemory) { bytes.append(to: &$0) }
        process()
    }

    func receivedEnd() {
        peerHasEnded = true
        // A client may close its sending side and wait for its answers. One that is in the middle of a request is gone.
        if !isBusy { close() }
    }

    /// Answers to pipelined requests leave together once they are that large, in bytes.
    private static let batchBytes = 16 * 1024

    /// Requests that are answered in one go before other connections get their turn.
    private static let requestsPerTurnMax = 16

    /// Whether nothing is under way that another request would have to wait for.
    private var mayAnswer: Bool {
        stage == .open && current == nil && writer == nil && rest.isEmpty && tcp.unsentBytes == 0
    }

    /// Takes requests from the bytes until one has to be waited for, or an answer is more than the socket takes: the next
    /// one is made when that one has left. Of many requests it answers some and goes on in the loop's next round.
    func process() {
        guard !isPutOff else { return }
        var needsData = false
        var turnsLeft = Self.requestsPerTurnMax
        while !needsData, turnsLeft > 0, mayAnswer {
            do throws(ProtocolError) {
                switch try machine.next() {
                case .needData: needsData = true
                case .continueExpected: server.out.append(contentsOf: ResponseEncoder.continueResponse)
                case .request(let head, let body):
                    answer(head, body)
                    turnsLeft -= 1
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
        if turnsLeft == 0 { putOff() }
    }

    /// Goes on in the loop's next round, unless the end of what is under way makes it go on.
    private func putOff() {
        guard mayAnswer else { return }
        isPutOff = true
        // libuv would read on and on as long as bytes arrive.
        stopReading()
        let me = LoopBound(self, to: server.loop)
        server.loop.later { me.value.goOn() }
    }

    private func goOn() {
        isPutOff = false
        if stage == .open { process() }
    }

    /// Brings in order what depends on how far the connection has come: whether it reads, which clock runs, and what it
    /// holds.
    /// - Parameter needsData: whether it cannot go on without more bytes.
    func settle(needsData: Bool) {
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

    func startReading() {
        guard !isReading else { return }
        isReading = true
        tcp.startReading()
    }

    func stopReading() {
        guard isReading else { return }
        isReading = false
        tcp.stopReading()
    }

    func refuse(_ error: ProtocolError) {
        let head = machine.refusedHead
        let id = requestID(head)
        let request = Request(head: head, body: [], id: id, remoteAddress: remoteAddress)
        stage = .closing
        server.encode(
            server.configuration.refusal(error, request), id: id, isHead: head.method == .head, connection: .close)
        machine.discard()
    }
}
