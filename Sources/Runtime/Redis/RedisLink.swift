import Crypto
import EventLoop
import TLS

/// One connection to Redis on one loop, made anew whenever it is lost: carries out what `LinkMachine` decides. Commands
/// are pipelined: those of one turn of the loop leave in one write, and replies are matched by their order.
/// Loop-confined.
final class RedisLink {
    /// Pushed messages of a subscription.
    struct Subscriber: Sendable {
        /// The channel has been subscribed to, anew: messages may have been missed.
        let subscribed: @Sendable () -> Void
        let message: @Sendable ([UInt8]) -> Void
    }

    /// Commands under way on one connection; beyond it callers go on without Redis.
    private static let pendingMax = 10_000
    /// Bytes the kernel has not taken; the same.
    private static let unsentBytesMax = 1 << 20

    private let loop: EventLoop
    private let name: String
    private let configuration: RedisConfiguration
    private let greeting: Greeting
    private let subscriber: Subscriber?
    private let tls: TLSContext?
    private let buffers = TLSBuffers()
    private let events: @Sendable (RedisEvent) -> Void

    private var machine: LinkMachine
    private var connector: TCPConnector?
    /// TLS that is being agreed on, the last of so many attempts.
    private var handshake: TLSConnection?
    private var attempt = 0
    private var wire: Wire?
    private var pending = PendingReplies()
    private var out: [UInt8] = []
    private var isFlushScheduled = false
    /// Of the phase: a pause, or the limit of a wait.
    private var phaseTimer: LoopTimer?
    private var replyTimer: LoopTimer?
    private var isReplyTimerArmed = false
    private var lateOnce = false
    private var heartbeat: LoopTimer?

    init(
        loop: EventLoop, name: String, configuration: RedisConfiguration, greeting: Greeting,
        subscriber: Subscriber? = nil, tls: TLSContext?, events: @escaping @Sendable (RedisEvent) -> Void
    ) {
        loop.preconditionInLoop()
        self.loop = loop
        self.name = name
        self.configuration = configuration
        self.greeting = greeting
        self.subscriber = subscriber
        self.tls = tls
        self.events = events
        machine = LinkMachine(timing: configuration.timing)
    }

    // MARK: Life

    func start() {
        phaseTimer = LoopTimer(loop: loop) { [weak self] in self?.phaseIsOver() }
        replyTimer = LoopTimer(loop: loop) { [weak self] in self?.checkReplies() }
        let heartbeat = LoopTimer(loop: loop) { [weak self] in self?.beat() }
        self.heartbeat = heartbeat
        heartbeat.start(after: configuration.timing.heartbeat, every: configuration.timing.heartbeat)
        connect()
    }

    /// Ends it for good; waiting calls fail.
    func shutDown() {
        machine.shutDown()
        dropWire(.notReady)
        for timer in [phaseTimer, replyTimer, heartbeat] { timer?.close() }
        (phaseTimer, replyTimer, heartbeat) = (nil, nil, nil)
    }

    private func connect() {
        guard machine.connect() else { return }
        connector = TCPConnector(
            loop: loop, host: configuration.host, port: configuration.port, timeout: configuration.timing.connect
        ) { [weak self] result in
            guard let self else { return }
            connector = nil
            switch result {
            case .success(let connection): connected(connection)
            case .failure(let error): lose(.unreachable(error))
            }
        }
    }

    private func connected(_ connection: TCPConnection) {
        machine.connected()
        phaseTimer?.start(after: configuration.timing.greeting)
        guard let tls else {
            greet(over: connection)
            return
        }
        do throws(CryptoError) {
            let session = try TLSSession(client: tls, host: configuration.host)
            attempt += 1
            let connecting = TLSConnection(over: connection, session: session, buffers: buffers) {
                [weak self, attempt] in self?.shookHands($0, attempt)
            }
            handshake = connecting
            connecting.start()
        } catch {
            connection.close()
            lose(.refusedGreeting("TLS: \(error)"))
        }
    }

    private func shookHands(_ result: TLSConnection.Handshake, _ attempt: Int) {
        guard attempt == self.attempt, let connection = handshake else { return }
        switch result {
        case .success:
            handshake = nil
            greet(over: connection)
        case .failure(let error): lose(.refusedGreeting("TLS: \(error)"))
        }
    }

    private func greet(over stream: any ByteStream) {
        let wire = Wire(stream: stream, link: self)
        self.wire = wire
        stream.attach(wire)
        stream.startReading()
        let now = EventLoop.nanoseconds()
        for step in greeting.steps {
            out.append(contentsOf: step.command.bytes)
            pending.append(.greeting(step.expectation), at: now)
        }
        flush()
    }

    fileprivate func closed(_ error: (any Error)?) {
        lose(.disconnected(error.map { "\($0)" } ?? "closed by the peer"))
    }

    /// The connection is gone or of no use; another is tried after a pause.
    private func lose(_ error: RedisError) {
        dropWire(error)
        var random = SystemRandomNumberGenerator()
        let jitter = Double.random(in: 0..<1, using: &random)
        guard let pause = machine.lost(at: EventLoop.nanoseconds(), jitter: jitter) else { return }
        events(.failed(error))
        events(.link(name, .down(error.description)))
        phaseTimer?.start(after: pause)
    }

    private func dropWire(_ error: RedisError) {
        connector?.cancel()
        connector = nil
        let connecting = handshake
        handshake = nil
        connecting?.close()
        wire?.stream.close()
        wire = nil
        out.removeAll(keepingCapacity: true)
        pending.drop(error)
    }

    private func phaseIsOver() {
        switch machine.phase {
        case .waiting: connect()
        case .greeting: lose(.refusedGreeting("no reply in time"))
        case .stalled: lose(.timeout)
        case .resting where machine.rested(): ask(.heartbeat, RESPCommand("PING"))
        default: break
        }
    }

    // MARK: Commands

    var isReady: Bool { machine.takesCommands }

    func send(_ command: RESPCommand, _ waiter: PendingReplies.Waiter) {
        guard machine.takesCommands, subscriber == nil, pending.count < Self.pendingMax,
            out.count + (wire?.stream.unsentBytes ?? 0) < Self.unsentBytesMax
        else {
            waiter.resume(returning: .failure(.notReady))
            return
        }
        ask(.call(waiter), command)
    }

    private func ask(_ kind: PendingReplies.Kind, _ command: RESPCommand) {
        out.append(contentsOf: command.bytes)
        pending.append(kind, at: EventLoop.nanoseconds())
        if !isReplyTimerArmed {
            isReplyTimerArmed = true
            replyTimer?.start(after: configuration.timing.reply)
        }
        guard !isFlushScheduled else { return }
        isFlushScheduled = true
        // Runs after the jobs of this turn, so that their commands leave together.
        let me = LoopBound(self, to: loop)
        loop.spawn { me.value.flush() }
    }

    private func flush() {
        isFlushScheduled = false
        guard let wire, !out.isEmpty else { return }
        wire.stream.write(out)
        out.removeAll(keepingCapacity: true)
    }

    // MARK: Replies

    fileprivate func received(_ bytes: Span<UInt8>, _ reader: RESPReader) {
        var failure: RedisError?
        do throws(RedisError) {
            try reader.read(bytes) { value in if failure == nil { failure = take(value) } }
        } catch {
            failure = failure ?? error
        }
        if let failure {
            lose(failure)
        } else if pending.isEmpty, let rest = machine.drained() {
            phaseTimer?.start(after: rest)
        }
    }

    /// - Returns: why the connection is of no use any more.
    private func take(_ value: RESPValue) -> RedisError? {
        if let subscriber, let message = Self.message(value) {
            subscriber.message(message)
            return nil
        }
        guard let entry = pending.popFirst() else { return .malformed("a reply to no command") }
        switch entry.kind {
        case .greeting(let expectation):
            if let problem = expectation.problem(with: value) { return .refusedGreeting(configuration.quote(problem)) }
            if pending.isEmpty { greeted() }
            return nil
        case .heartbeat:
            if machine.phase == .probing {
                machine.probed(at: EventLoop.nanoseconds())
                events(.link(name, .up))
            }
            return nil
        case .call(let waiter):
            guard case .error(let text) = value else {
                waiter?.resume(returning: .success(value))
                return nil
            }
            let error = RedisError.server(configuration.quote(text))
            waiter?.resume(returning: .failure(error))
            return error.wantsReconnect ? error : nil
        }
    }

    private func greeted() {
        machine.greeted(at: EventLoop.nanoseconds())
        phaseTimer?.stop()
        subscriber?.subscribed()
        events(.link(name, .up))
    }

    private static func message(_ value: RESPValue) -> [UInt8]? {
        guard case .array(let elements) = value, elements.count == 3, elements[0] == .bulk(Array("message".utf8)),
            case .bulk(let payload) = elements[2]
        else { return nil }
        return payload
    }

    // MARK: Clocks

    private func checkReplies() {
        isReplyTimerArmed = false
        guard machine.phase == .ready || machine.phase == .probing, let oldest = pending.oldest else { return }
        let now = EventLoop.nanoseconds()
        let age = Duration.nanoseconds(Int64(clamping: now &- oldest))
        isReplyTimerArmed = true
        if age < configuration.timing.reply {
            lateOnce = false
            replyTimer?.start(after: configuration.timing.reply - age)
        } else if !lateOnce {
            // Timers come before sockets in a turn: after long work of ours the reply may be here, unread.
            lateOnce = true
            replyTimer?.start(after: .milliseconds(1))
        } else {
            lateOnce = false
            isReplyTimerArmed = false
            guard machine.replyIsLate(at: now) else { return }
            pending.fail(.timeout)
            events(.failed(.timeout))
            events(.link(name, .slow))
            phaseTimer?.start(after: configuration.timing.silence)
        }
    }

    /// Finds out that the peer has gone while no other command does.
    private func beat() {
        if machine.phase == .ready, pending.isEmpty { ask(.heartbeat, RESPCommand("PING")) }
    }
}

/// One stream of a link. What an old stream says after it was given up goes unheard.
private final class Wire: ByteStreamDelegate {
    let stream: any ByteStream
    private weak var link: RedisLink?
    private let reader = RESPReader()

    init(stream: any ByteStream, link: RedisLink) {
        self.stream = stream
        self.link = link
    }

    private var current: RedisLink? { link.flatMap { $0.isCurrent(self) ? $0 : nil } }

    func received(_ bytes: Span<UInt8>) { current?.received(bytes, reader) }
    func receivedEnd() { current?.closed(nil) }
    func flushed() {}
    func closed(_ error: (any Error)?) { current?.closed(error) }
}

extension RedisLink {
    fileprivate func isCurrent(_ other: Wire) -> Bool { wire === other }
}
