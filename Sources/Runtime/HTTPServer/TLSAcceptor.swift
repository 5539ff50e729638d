import Crypto
import EventLoop
import HTTP
import TLS
import Telemetry

/// Does the handshakes of one loop's new connections, each within a time that no byte extends. Loop-confined.
final class TLSAcceptor {
    /// What the acceptor needs of its server.
    struct Callbacks {
        /// A connection is ready; the receiver attaches itself.
        let established: (TLSConnection, consuming CensusEntry) -> Void
        /// A connection never got so far and is gone.
        let gone: () -> Void
        /// The answer, without TLS, to a request without TLS, by its method.
        let plainAnswer: (HTTPMethod) -> [UInt8]
    }

    private let configuration: TLSListenerConfiguration
    private let limits: ServerLimits
    private let logger: Logger
    private let callbacks: Callbacks
    private let memory: MemoryAccount
    private let buffers = TLSBuffers()
    private var pending: [ObjectIdentifier: PendingHandshake] = [:]

    init(
        configuration: TLSListenerConfiguration, limits: ServerLimits, memory: MemoryAccount, logger: Logger,
        callbacks: Callbacks
    ) {
        self.memory = memory
        self.configuration = configuration
        self.limits = limits
        self.logger = logger
        self.callbacks = callbacks
    }

    /// Connections whose handshake is under way, or has failed and whose peer is still reading why.
    var count: Int { pending.count }

    /// Takes a new connection, which `established` or `gone` then tells about, once.
    func accept(_ stream: any ByteStream, _ entry: consuming CensusEntry) {
        let session: TLSSession
        do throws(CryptoError) {
            session = try TLSSession(server: configuration.contexts.current)
        } catch {
            logger.error("a TLS session could not be made", metadata: ["error": .string(error.description)])
            stream.abort()
            return
        }
        let handshake = PendingHandshake(
            acceptor: self, entry: entry, memory: memory, began: EventLoop.nanoseconds() / 1_000_000,
            deadline: EventLoop.nanoseconds(after: limits.headTime))
        let connection = TLSConnection(over: stream, session: session, buffers: buffers) { [weak self] result in
            self?.finished(handshake, result)
        }
        handshake.connection = connection
        pending[ObjectIdentifier(handshake)] = handshake
        connection.attach(handshake)
        connection.start()
    }

    private func finished(_ handshake: PendingHandshake, _ result: TLSConnection.Handshake) {
        guard let connection = handshake.connection, pending[ObjectIdentifier(handshake)] != nil else { return }
        switch result {
        case .success(let agreement):
            configuration.metrics.record(agreement)
            pending[ObjectIdentifier(handshake)] = nil
            guard let entry = handshake.finish() else { return }
            callbacks.established(connection, entry)
        case .failure(let error):
            record(handshake.hasTimedOut ? .timedOut : error, connection)
            if error == .plainHTTP { connection.writePlain(plainAnswer(to: connection)) }
            handshake.deadline = EventLoop.nanoseconds(after: limits.lingerTime)
        }
    }

    private func plainAnswer(to connection: TLSConnection) -> [UInt8] {
        callbacks.plainAnswer(connection.beginsWithPlainHead ? .head : .get)
    }

    private func record(_ error: TLSError, _ connection: TLSConnection) {
        configuration.metrics.record(error)
        logger.debug(
            "a TLS handshake failed",
            metadata: ["error": .string(error.description), "ip": .string(connection.remoteAddress.host)])
    }

    fileprivate func closed(_ handshake: PendingHandshake) {
        guard pending.removeValue(forKey: ObjectIdentifier(handshake)) != nil else { return }
        _ = handshake.finish()
        callbacks.gone()
    }

    /// Handshakes under way, for when memory is short.
    var holders: [any MemoryHolder] { Array(pending.values) }

    /// The same, for when there are too many connections.
    var evictables: [any Evictable] { Array(pending.values) }

    /// Closes what has had its time.
    func sweep(_ now: UInt64) {
        for handshake in pending.values where handshake.deadline <= now { handshake.expire() }
    }

    /// Ends every handshake under way.
    func close() {
        for handshake in pending.values { handshake.connection?.close() }
    }
}

/// One handshake under way: listens until an HTTP connection takes over.
private final class PendingHandshake: ByteStreamDelegate, MemoryHolder, Evictable {
    private unowned let acceptor: TLSAcceptor
    private var entry: CensusEntry?
    private var charge: MemoryCharge
    let clientGroup: String?
    /// Held until the end of the handshake or of the connection, whichever is first.
    var connection: TLSConnection?
    /// Milliseconds of the loop's clock.
    private let began: UInt64
    /// Nanoseconds of the loop's clock.
    var deadline: UInt64
    private(set) var hasTimedOut = false

    init(
        acceptor: TLSAcceptor, entry: consuming CensusEntry, memory: MemoryAccount, began: UInt64, deadline: UInt64
    ) {
        self.acceptor = acceptor
        clientGroup = entry.speaksForMany ? nil : entry.subject
        self.entry = consume entry
        charge = MemoryCharge(to: memory)
        _ = charge.set(MemoryCost.tlsHandshake)
        self.began = began
        self.deadline = deadline
    }

    var chargedBytes: Int { charge.bytes }
    var chargeNumber: UInt64 { charge.number }

    func shed() {
        _ = charge.set(0)
        connection?.close()
    }

    func spareTime(now: UInt64) -> SpareTime? { SpareTime(isIdle: false, since: began) }

    func evict(now: UInt64) -> Bool {
        entry = nil
        shed()
        return true
    }

    /// Releases the connection and returns its place in the census.
    func finish() -> CensusEntry? {
        connection = nil
        _ = charge.set(0)
        return entry.take()
    }

    func expire() {
        hasTimedOut = true
        connection?.close()
    }

    func closed(_ error: (any Error)?) { acceptor.closed(self) }

    // No delegate method is called before the handshake is over, and then that of another delegate.
    func received(_ bytes: Span<UInt8>) {}
    func receivedEnd() {}
    func flushed() {}
}
