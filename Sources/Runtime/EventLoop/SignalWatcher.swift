import CUV

/// Tells of a signal on one loop; used on that loop's thread only. The owner closes it.
@safe package final class SignalWatcher {
    private let raw: UnsafeMutablePointer<uv_signal_t>
    private let loop: EventLoop
    private var received: (() -> Void)?

    /// - Parameter signal: such as `SIGTERM`. Its default action is off from now on.
    package init(loop: EventLoop, signal: Int32, _ received: @escaping () -> Void) {
        loop.preconditionInLoop()
        self.loop = loop
        self.received = received
        unsafe raw = .allocate(capacity: 1)
        unsafe uv_signal_init(loop.raw, raw)
        loop.handleOpened()
        // Retained until the close callback.
        unsafe cuv_set_data(raw, Unmanaged.passRetained(self).toOpaque())
        unsafe uv_signal_start(
            raw,
            { handle, _ in
                unsafe Unmanaged<SignalWatcher>.fromOpaque(cuv_data(handle)).takeUnretainedValue().received?()
            }, signal)
    }

    deinit { unsafe raw.deallocate() }

    /// Stops watching; safe to repeat.
    package func close() {
        loop.preconditionInLoop()
        guard received != nil else { return }
        received = nil
        unsafe uv_close(cuv_handle(raw)) { handle in
            let watcher = unsafe Unmanaged<SignalWatcher>.fromOpaque(cuv_data(handle)).takeRetainedValue()
            watcher.loop.handleClosed()
        }
    }
}

/// The signals that manage a process, as a stream that a task off the loops can wait for.
package struct ProcessSignals: Sendable {
    package enum Signal: Sendable { case terminate, reload }

    package let received: AsyncStream<Signal>
    private let stop: @Sendable () -> Void

    /// SIGTERM and SIGINT ask to end, SIGHUP to read secrets and certificates again.
    package init(on loop: EventLoop) {
        let (stream, continuation) = AsyncStream.makeStream(of: Signal.self)
        received = stream
        let box = LoopBound(WatcherList(), to: loop)
        loop.execute {
            box.value.watchers = [
                SignalWatcher(loop: loop, signal: SIGTERM) { continuation.yield(.terminate) },
                SignalWatcher(loop: loop, signal: SIGINT) { continuation.yield(.terminate) },
                SignalWatcher(loop: loop, signal: SIGHUP) { continuation.yield(.reload) },
            ]
        }
        stop = {
            loop.execute {
                for watcher in box.value.watchers { watcher.close() }
                box.value.watchers = []
                continuation.finish()
            }
        }
    }

    /// Stops watching.
    package func close() { stop() }
}

private final class WatcherList {
    var watchers: [SignalWatcher] = []
}
