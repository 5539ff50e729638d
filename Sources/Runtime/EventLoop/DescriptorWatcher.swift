import CUV

/// Tells when a descriptor that other code owns can be read or written; used on one loop's thread only.
/// Close it before the descriptor is closed, since the kernel may give the number away at once.
@safe package final class DescriptorWatcher {
    package struct Events: OptionSet, Sendable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }
        package static let readable = Events(rawValue: 1)
        package static let writable = Events(rawValue: 2)
        /// Reported, never asked for: the descriptor has failed.
        package static let error = Events(rawValue: 4)
    }

    private let raw: UnsafeMutablePointer<uv_poll_t>
    private let loop: EventLoop
    private var ready: ((Events) -> Void)?

    /// - Throws: what the kernel says of the descriptor, for example that it cannot be polled.
    package init(loop: EventLoop, descriptor: Int32, _ ready: @escaping (Events) -> Void) throws(UVError) {
        loop.preconditionInLoop()
        self.loop = loop
        unsafe raw = .allocate(capacity: 1)
        let status = unsafe uv_poll_init_socket(loop.raw, raw, descriptor)
        guard status == 0 else { throw UVError(status) }
        self.ready = ready
        loop.handleOpened()
        // Retained until the close callback.
        unsafe cuv_set_data(raw, Unmanaged.passRetained(self).toOpaque())
    }

    deinit { unsafe raw.deallocate() }

    /// Replaces what is watched for; an empty set pauses.
    package func watch(_ events: Events) {
        loop.preconditionInLoop()
        guard ready != nil else { return }
        var mask: Int32 = 0
        if events.contains(.readable) { mask |= Int32(UV_READABLE.rawValue) }
        if events.contains(.writable) { mask |= Int32(UV_WRITABLE.rawValue) }
        guard mask != 0 else {
            unsafe uv_poll_stop(raw)
            return
        }
        unsafe uv_poll_start(raw, mask) { handle, status, mask in
            let watcher = unsafe Unmanaged<DescriptorWatcher>.fromOpaque(cuv_data(handle)).takeUnretainedValue()
            var events: Events = status < 0 ? [.error] : []
            if mask & Int32(UV_READABLE.rawValue) != 0 { events.insert(.readable) }
            if mask & Int32(UV_WRITABLE.rawValue) != 0 { events.insert(.writable) }
            watcher.ready?(events)
        }
    }

    /// Stops watching for good; safe to repeat. The descriptor is left open.
    package func close() {
        loop.preconditionInLoop()
        guard ready != nil else { return }
        ready = nil
        unsafe uv_close(cuv_handle(raw)) { handle in
            let watcher = unsafe Unmanaged<DescriptorWatcher>.fromOpaque(cuv_data(handle)).takeRetainedValue()
            watcher.loop.handleClosed()
        }
    }
}
