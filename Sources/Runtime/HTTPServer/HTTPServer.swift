package import EventLoop
import HTTP
import Synchronization
package import Telemetry

/// An HTTP/1.1 server over the loops of a group. Each connection stays on one loop for its life, and so does each of its
/// requests.
package final class HTTPServer: Sendable {
    private let configuration: HTTPServerConfiguration
    private let responder: any Responder
    private let logger: Logger
    private let group: EventLoopGroup
    private let state = Mutex(State())

    private struct State {
        var parts: [LoopBound<LoopServer>] = []
        var listener: LoopBound<TCPListener>?
        var counts: [ServerCounts] = []
        var census: ConnectionCensus?
        var next = 0
    }

    package init(
        configuration: HTTPServerConfiguration, group: EventLoopGroup, responder: any Responder, logger: Logger
    ) {
        self.configuration = configuration
        self.group = group
        self.responder = responder
        self.logger = logger
    }

    /// Binds, listens and accepts. Blocks while the host is resolved, so not from a loop.
    /// - Returns: the address in use.
    /// - Throws: `UVError` with the reason, such as `EADDRINUSE`, or `ResponseEncoder.InvalidField` for common fields
    ///   that cannot be sent.
    package func start() async throws -> SocketAddress {
        let commonBlock = try ResponseEncoder.lines(configuration.commonFields)
        let uncachedBlock = try ResponseEncoder.lines(configuration.uncachedFields)
        let socket = try ListeningSocket(host: configuration.host, port: configuration.port)
        let address = socket.address
        let census = ConnectionCensus(
            max: configuration.limits.connections, reserve: configuration.limits.reservedConnections,
            perAddressMax: configuration.limits.connectionsPerAddress, isExempt: configuration.isTrustedProxy)
        let counts = group.loops.map { _ in ServerCounts() }
        let parts = await withTaskGroup(of: LoopBound<LoopServer>.self) { tasks in
            for (loop, counts) in zip(group.loops, counts) {
                tasks.addTask(executorPreference: loop) { [configuration, responder, logger] in
                    LoopBound(
                        LoopServer(
                            loop: loop, configuration: configuration, commonBlock: commonBlock,
                            uncachedBlock: uncachedBlock, responder: responder, census: census, counts: counts,
                            logger: logger
                        ) { [weak self] socket, tried in self?.pass(socket, on: counts, tried) },
                        to: loop
                    )
                }
            }
            return await tasks.reduce(into: []) { $0.append($1) }
        }
        state.withLock { state in
            state.parts = parts
            state.counts = counts
            state.census = census
        }
        let listener = try await listen(socket)
        state.withLock { $0.listener = listener }
        return address
    }

    private func listen(_ socket: consuming ListeningSocket) async throws -> LoopBound<TCPListener> {
        let loop = group.loops[0]
        var waiting: ListeningSocket? = consume socket
        return try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<_, any Error>) in
            let socket = SocketBox(waiting.take()!)
            loop.execute { [self] in
                do throws(UVError) {
                    let listener = try TCPListener(loop: loop, socket: socket.take()) { [self] accepted in
                        deal(accepted)
                    } exhausted: { [logger] reason in
                        logger.warning(
                            "accepting connections is paused", metadata: ["error": .string(reason.description)])
                    }
                    continuation.resume(returning: LoopBound(listener, to: loop))
                } catch {
                    continuation.resume(throwing: error)
                }
            }
        }
    }

    /// Gives each loop its turn, so that connections spread evenly.
    private func deal(_ socket: consuming AcceptedSocket) {
        let part: LoopBound<LoopServer>? = state.withLock { state in
            guard !state.parts.isEmpty else { return nil }
            state.next = (state.next + 1) % state.parts.count
            return state.parts[state.next]
        }
        guard let part else { return }
        let box = SocketBox(socket)
        part.loop.execute { part.value.accept(box.take()) }
    }

    /// Hands a connection for which a loop has no room to the next; behind the last it is closed.
    /// - Parameter counts: those of the loop that had it.
    private func pass(_ socket: consuming AcceptedSocket, on counts: ServerCounts, _ tried: Int) {
        let next: LoopBound<LoopServer>? = state.withLock { state in
            guard tried < state.parts.count, let index = state.counts.firstIndex(where: { $0 === counts }) else {
                return nil
            }
            return state.parts[(index + 1) % state.parts.count]
        }
        guard let next else { return counts.countRefused() }
        let box = SocketBox(socket)
        next.loop.execute { next.value.accept(box.take(), tried: tried) }
    }

    /// From now on each answer ends its connection, so that clients go elsewhere; new ones are still accepted.
    package func beginDraining() {
        for part in state.withLock({ $0.parts }) { part.loop.execute { part.value.beginDraining() } }
    }

    /// Stops listening, closes idle connections, lets requests under way finish.
    /// - Parameter deadline: what is left after that long is closed.
    /// - Returns: how many requests were cut off.
    @discardableResult
    package func shutdown(deadline: Duration) async -> Int {
        let (listener, parts) = state.withLock { state in
            defer { state.listener = nil }
            return (state.listener, state.parts)
        }
        if let listener {
            // A client that is accepted from now on has its connection closed with its first answer.
            beginDraining()
            await withTaskExecutorPreference(listener.loop) { await listener.value.drain() }
        }
        return await withTaskGroup(of: Int.self) { tasks in
            for part in parts {
                tasks.addTask(executorPreference: part.loop) { await part.value.shutdown(deadline: deadline) }
            }
            return await tasks.reduce(0, +)
        }
    }

    /// The work under way now, over all loops. From any thread, without waiting for a loop.
    package var activity: ServerActivity {
        let (counts, census) = state.withLock { ($0.counts, $0.census) }
        return ServerActivity(
            inFlight: counts.reduce(0) { $0 + $1.inFlight }, queued: counts.reduce(0) { $0 + $1.queued },
            connections: census?.count ?? 0, shed: counts.reduce(0) { $0 + $1.shed },
            evicted: counts.reduce(0) { $0 + $1.evicted }, refused: counts.reduce(0) { $0 + $1.refused })
    }

    /// Connections open now, over all loops.
    package func connectionCount() async -> Int {
        await withTaskGroup(of: Int.self) { tasks in
            for part in state.withLock({ $0.parts }) {
                tasks.addTask(executorPreference: part.loop) { part.value.connectionCount }
            }
            return await tasks.reduce(0, +)
        }
    }
}

/// Carries a noncopyable socket into a closure that runs once.
final class SocketBox<Socket: ~Copyable & Sendable>: Sendable {
    private let stored: Mutex<Socket?>

    init(_ socket: consuming Socket) { stored = Mutex(socket) }

    /// The socket; traps the second time.
    func take() -> Socket {
        guard let socket = stored.withLock({ $0.take() }) else { preconditionFailure("Invalid state: taken twice") }
        return socket
    }
}
