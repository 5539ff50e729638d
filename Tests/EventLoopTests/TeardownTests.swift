import EventLoop
import Glibc
import LoopTesting
import Testing

/// Each owner of a C handle is let go in each of its states, again and again. Its memory must go, its descriptor be
/// closed, and each waiter be resumed once.
@Suite("What owns a handle, let go at each step", .leavesNothing, .serialized)
struct TeardownTests {
    /// Runs a round on a loop until nothing is open there, and checks that what it has made is gone.
    private func rounds(
        _ count: Int = 20, _ round: @escaping @Sendable (EventLoop, borrowing Remembered) async -> Void
    ) async {
        let group = TestLoops.group
        let loop = group.loops[0]
        for _ in 0..<count {
            let remembered = LoopBound(Remembered(), to: loop)
            await loop.spawn { await round(loop, remembered.value) }.value
            await group.becomesQuiet()
            await loop.spawn { #expect(remembered.value.alive == 0) }.value
        }
    }

    enum TimerStep: CaseIterable { case neverStarted, started, repeating, stopped, whileFiring, twice }

    @Test("a timer", arguments: TimerStep.allCases)
    func timer(_ step: TimerStep) async {
        await rounds { loop, remembered in
            let holder = Holder<LoopTimer>()
            await withCheckedContinuation { continuation in
                let timer = LoopTimer(loop: loop) {
                    guard step == .whileFiring else { return }
                    holder.value?.close()
                    continuation.resume()
                }
                holder.value = timer
                switch step {
                case .neverStarted: break
                case .started: timer.start(after: .seconds(60))
                case .repeating: timer.start(after: .zero, every: .milliseconds(1))
                case .stopped:
                    timer.start(after: .zero)
                    timer.stop()
                case .whileFiring:
                    timer.start(after: .zero, every: .milliseconds(1))
                    return
                case .twice: timer.close()
                }
                timer.close()
                continuation.resume()
            }
            if let timer = holder.value { remembered.add(timer) }
            holder.value = nil
        }
    }

    enum WatcherStep: CaseIterable { case neverWatched, waiting, ready, whileTold, afterItsDescriptor }

    @Test("a watcher of a descriptor", arguments: WatcherStep.allCases)
    func watcher(_ step: WatcherStep) async {
        await rounds { loop, remembered in
            var ends: [Int32] = [0, 0]
            #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
            let holder = Holder<DescriptorWatcher>()
            await withCheckedContinuation { continuation in
                holder.value = try? DescriptorWatcher(loop: loop, descriptor: ends[0]) { _ in
                    guard step == .whileTold, let watcher = holder.value else { return }
                    watcher.close()
                    continuation.resume()
                }
                guard let watcher = holder.value else { return }
                remembered.add(watcher)
                if step != .neverWatched { watcher.watch(step == .waiting ? .readable : [.readable, .writable]) }
                if step == .afterItsDescriptor { shutdown(ends[1], Int32(SHUT_RDWR)) }
                if step != .whileTold {
                    watcher.close()
                    watcher.close()
                    continuation.resume()
                }
            }
            holder.value = nil
            close(ends[0])
            close(ends[1])
        }
    }

    enum ConnectionStep: CaseIterable {
        case beforeReading, reading, paused, whileReceiving, withUnsentBytes, whileFlushing, afterTheirEnd
        case whileTheyEnd, afterTheirReset, aborted, twice
    }

    @Test("a connection", arguments: ConnectionStep.allCases)
    func connection(_ step: ConnectionStep) async {
        await rounds { loop, remembered in
            guard let (ours, theirs) = await Connected.pair(on: loop) else {
                Issue.record("no connection")
                return
            }
            remembered.add(ours.stream)
            remembered.add(theirs.stream)
            theirs.stream.startReading()
            if step != .beforeReading { ours.stream.startReading() }
            let big = [UInt8](repeating: 0x61, count: 8 << 20)
            switch step {
            case .beforeReading, .reading: break
            case .paused: ours.stream.stopReading()
            case .whileReceiving:
                ours.whenTold = { $0 == .received }
                theirs.stream.write([1, 2, 3])
                await ours.told()
            case .withUnsentBytes:
                theirs.stream.stopReading()
                ours.stream.write(big)
                #expect(ours.stream.unsentBytes > 0)
            case .whileFlushing:
                ours.whenTold = { $0 == .flushed }
                ours.stream.write(big)
                await ours.told()
            case .afterTheirEnd:
                theirs.stream.close()
                await theirs.hasClosed()
            case .whileTheyEnd:
                ours.whenTold = { $0 == .ended }
                theirs.stream.shutdownSending()
                await ours.told()
            case .afterTheirReset:
                theirs.stream.abort()
                await ours.hasClosed()
            case .aborted: ours.stream.abort()
            case .twice: ours.stream.close()
            }
            ours.stream.close()
            theirs.stream.close()
            await ours.hasClosed()
            await theirs.hasClosed()
            #expect(ours.timesClosed == 1 && theirs.timesClosed == 1)
        }
    }

    enum ListenerStep: CaseIterable { case idle, withClientsInTheQueue, whileAccepting, twice }

    @Test("a listener", arguments: ListenerStep.allCases)
    func listener(_ step: ListenerStep) async throws {
        let loop = TestLoops.group.loops[0]
        for _ in 0..<20 {
            let socket = SocketInTransit(try ListeningSocket(host: "127.0.0.1", port: 0))
            let port = socket.port
            await loop.spawn {
                let holder = Holder<TCPListener>()
                holder.value = try? TCPListener(loop: loop, socket: socket.take()) { accepted in
                    _ = consume accepted  // closes it
                    if step == .whileAccepting { holder.value?.close() }
                } exhausted: { _ in
                }
                var clients: [TCPConnection] = []
                if step == .withClientsInTheQueue || step == .whileAccepting {
                    for _ in 0..<3 {
                        if case .success(let client) = await Connected.connect(loop, port).value {
                            clients.append(client)
                        }
                    }
                    if step == .whileAccepting { try? await loop.sleep(for: .milliseconds(2)) }
                }
                holder.value?.close()
                if step == .twice { holder.value?.close() }
                holder.value = nil
                for client in clients { client.close() }
            }.value
            await TestLoops.group.becomesQuiet()
            #expect(TestLoops.group.openHandles == 0)
        }
    }

    enum ConnectorStep: CaseIterable { case atOnce, afterATurn, connecting, afterItsTimeout }

    @Test("an attempt to connect, cancelled", arguments: ConnectorStep.allCases)
    func connector(_ step: ConnectorStep) async {
        await rounds { loop, remembered in
            // An address of documentation (RFC 5737): no host answers, or the kernel knows no way.
            let connector = TCPConnector(
                loop: loop, host: step == .atOnce ? "localhost" : "192.0.2.1", port: 9,
                timeout: step == .afterItsTimeout ? .milliseconds(1) : .seconds(30)
            ) { result in
                if case .success(let connection) = result { connection.close() }
            }
            remembered.add(connector)
            switch step {
            case .atOnce: break
            case .afterATurn: try? await loop.sleep(for: .zero)
            case .connecting, .afterItsTimeout: try? await loop.sleep(for: .milliseconds(10))
            }
            connector.cancel()
            connector.cancel()
        }
    }

    @Test("a watcher of a signal")
    func signals() async {
        await rounds { loop, remembered in
            let watcher = SignalWatcher(loop: loop, signal: SIGWINCH) {}
            remembered.add(watcher)
            watcher.close()
            watcher.close()
        }
    }

    @Test("a group of loops with tasks asleep, at work and not begun", arguments: 0..<20)
    func group(_ round: Int) async {
        let group = EventLoopGroup(count: 2)
        let tasks = group.loops.flatMap { loop in
            [
                loop.spawn { try? await loop.sleep(for: .seconds(60)) },
                loop.spawn { for _ in 0..<100 { await Task.yield() } },
                loop.spawn {},
            ]
        }
        if round % 2 == 0 { await tasks[2].value }
        if round % 3 == 0 { for task in tasks { task.cancel() } }
        group.shutdown()
        for task in tasks where round % 2 == 0 { await task.value }
        #expect(group.openHandles == 0)
    }
}
