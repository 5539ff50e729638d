import Bytes
import CUV

/// A timer of one loop; used on that loop's thread only. Fires until closed; the owner closes it.
@safe package final class LoopTimer {
    private let raw: UnsafeMutablePointer<uv_timer_t>
    private let loop: EventLoop
    private var fire: (() -> Void)?

    /// A timer that does nothing yet. `fire` runs on the loop.
    package init(loop: EventLoop, _ fire: @escaping () -> Void) {
        loop.preconditionInLoop()
        self.loop = loop
        self.fire = fire
        unsafe raw = .allocate(capacity: 1)
        unsafe uv_timer_init(loop.raw, raw)
        loop.handleOpened()
        // Retained: libuv uses the memory until the close callback, which releases.
        unsafe cuv_set_data(raw, Unmanaged.passRetained(self).toOpaque())
    }

    deinit { unsafe raw.deallocate() }

    /// Fires once after that long, or again and again when `every` is given. Restarts a running timer.
    package func start(after delay: Duration, every interval: Duration? = nil) {
        loop.preconditionInLoop()
        guard fire != nil else { return }
        // libuv's cached time may be old after long work; a timer armed by it would fire early.
        unsafe uv_update_time(loop.raw)
        unsafe uv_timer_start(
            raw, { handle in unsafe LoopTimer.of(handle).fire?() }, delay.millisecondsUp, interval?.millisecondsUp ?? 0)
    }

    package func stop() {
        loop.preconditionInLoop()
        unsafe uv_timer_stop(raw)
    }

    /// Ends the timer for good; safe to repeat.
    package func close() {
        loop.preconditionInLoop()
        guard fire != nil else { return }
        fire = nil
        unsafe uv_close(cuv_handle(raw)) { handle in
            let timer = unsafe Unmanaged<LoopTimer>.fromOpaque(cuv_data(handle)).takeRetainedValue()
            timer.loop.handleClosed()
        }
    }

    private static func of(_ handle: UnsafeMutablePointer<uv_timer_t>?) -> LoopTimer {
        unsafe Unmanaged<LoopTimer>.fromOpaque(cuv_data(handle)).takeUnretainedValue()
    }
}
