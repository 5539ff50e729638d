import CCurl
import Crypto
import EventLoop
import Telemetry

/// One multi handle of libcurl and all that belongs to it: its connections, its transfers, the sockets and the time-out
/// it waits for. Loop-confined. Everything in it has been verified by the same roots.
///
/// libcurl calls back from inside our calls to say which sockets and which time-out it wants. The callbacks only note
/// that; they never call libcurl.
@safe final class MultiHandle {
    /// Easy handles kept for reuse: each holds the TLS sessions of its hosts.
    private static let idleHandlesMax = 64

    private let loop: EventLoop
    private let configuration: HTTPClientConfiguration
    private let trust: TLSTrust?
    private let metrics: HTTPClientMetrics?
    /// Nil once closed.
    private var raw: UnsafeMutableRawPointer?
    private var timer: LoopTimer?
    private var watchers: [curl_socket_t: DescriptorWatcher] = [:]
    private var live: [ObjectIdentifier: Transfer] = [:]
    private var idleHandles: [UnsafeMutableRawPointer] = unsafe []
    private var isRetiring = false
    private var isClosing = false
    private let closed: (MultiHandle) -> Void

    /// - Parameter closed: told once, when nothing is left in it and nothing more can be started.
    init?(
        loop: EventLoop, configuration: HTTPClientConfiguration, trust: TLSTrust?, metrics: HTTPClientMetrics?,
        closed: @escaping (MultiHandle) -> Void
    ) {
        self.loop = loop
        self.configuration = configuration
        self.trust = trust
        self.metrics = metrics
        self.closed = closed
        guard let made = unsafe curl_multi_init() else { return nil }
        unsafe raw = made
        // Unretained: `close` destroys the multi handle before this object can go, and `deinit` checks that it did.
        let me = unsafe Unmanaged.passUnretained(self).toOpaque()
        unsafe ccurl_multi_set_long(made, CURLMOPT_MAX_HOST_CONNECTIONS, configuration.connectionsPerHost)
        unsafe ccurl_multi_set_long(made, CURLMOPT_MAXCONNECTS, configuration.idleConnections)
        unsafe ccurl_multi_set_socket(
            made,
            { _, descriptor, wanted, context, _ in
                let handle = unsafe Unmanaged<MultiHandle>.fromOpaque(context!).takeUnretainedValue()
                handle.wants(descriptor, wanted)
                return 0
            }, me)
        unsafe ccurl_multi_set_timer(
            made,
            { _, milliseconds, context in
                let handle = unsafe Unmanaged<MultiHandle>.fromOpaque(context!).takeUnretainedValue()
                handle.wants(timeout: milliseconds)
                return 0
            }, me)
        timer = LoopTimer(loop: loop) { [weak self] in self?.act(on: ccurl_socket_timeout, 0) }
    }

    deinit { precondition(unsafe raw == nil, "Invalid state: a multi handle left open") }

    // MARK: Transfers

    func start(_ transfer: Transfer) {
        guard let raw = unsafe raw, let easy = unsafe idleHandles.popLast() ?? curl_easy_init() else {
            transfer.finish(.failure(.connectFailed("out of memory")))
            return
        }
        unsafe transfer.configure(easy, configuration, trust)
        transfer.multi = self
        live[ObjectIdentifier(transfer)] = transfer
        // libcurl keeps no deadline for a transfer that waits for a connection of its host, so we do.
        let deadline = LoopTimer(loop: loop) { [weak self, unowned transfer] in self?.expire(transfer) }
        transfer.deadline = deadline
        deadline.start(after: transfer.request.timeout)
        // libcurl asks for a time-out of 0 in here: the transfer starts from the loop.
        let status = unsafe curl_multi_add_handle(raw, easy)
        if status != CURLM_OK { end(transfer, .failure(.connectFailed("curl_multi_add_handle: \(status.rawValue)"))) }
    }

    private func expire(_ transfer: Transfer) { end(transfer, .failure(transfer.timeout)) }

    /// Takes the transfer from libcurl and resumes its caller. The connection of one that has not ended is closed. Called
    /// between libcurl's calls, never from one of its callbacks.
    func end(_ transfer: Transfer, _ result: Result<HTTPClientResponse, HTTPClientError>) {
        guard live.removeValue(forKey: ObjectIdentifier(transfer)) != nil else { return }
        if let easy = unsafe transfer.easy {
            metrics?.record(opened: transfer.connectionsOpened, hasBegun: transfer.attempts > 0)
            if transfer.attempts > 1 { metrics?.retries.increment() }
            if let raw = unsafe raw { unsafe curl_multi_remove_handle(raw, easy) }
            transfer.release()
            if !isRetiring, unsafe idleHandles.count < Self.idleHandlesMax {
                // Connections and names belong to the multi handle and stay, as do the easy handle's TLS sessions.
                unsafe curl_easy_reset(easy)
                unsafe idleHandles.append(easy)
            } else {
                unsafe curl_easy_cleanup(easy)
            }
        }
        transfer.finish(result)
        if isRetiring, !isClosing, live.isEmpty { close(.shutDown) }
    }

    // MARK: Driving libcurl

    private func wants(timeout milliseconds: Int) {
        if milliseconds < 0 { timer?.stop() } else { timer?.start(after: .milliseconds(milliseconds)) }
    }

    private func wants(_ descriptor: curl_socket_t, _ wanted: Int32) {
        guard wanted != CURL_POLL_REMOVE else {
            // libcurl may close the descriptor right after this; the watcher leaves the poll set now.
            watchers.removeValue(forKey: descriptor)?.close()
            return
        }
        if watchers[descriptor] == nil {
            watchers[descriptor] = try? DescriptorWatcher(loop: loop, descriptor: descriptor) { [weak self] events in
                var mask: Int32 = 0
                if events.contains(.readable) { mask |= CURL_CSELECT_IN }
                if events.contains(.writable) { mask |= CURL_CSELECT_OUT }
                if events.contains(.error) { mask |= CURL_CSELECT_ERR }
                self?.act(on: descriptor, mask)
            }
        }
        var events: DescriptorWatcher.Events = []
        if wanted & CURL_POLL_IN != 0 { events.insert(.readable) }
        if wanted & CURL_POLL_OUT != 0 { events.insert(.writable) }
        watchers[descriptor]?.watch(events)
    }

    private func act(on descriptor: curl_socket_t, _ events: Int32) {
        guard let raw = unsafe raw else { return }
        var running: Int32 = 0
        let status = unsafe curl_multi_socket_action(raw, descriptor, events, &running)
        guard status == CURLM_OK else {
            // After such a failure no transfer can go on.
            close(.connectionLost(unsafe String(cString: curl_multi_strerror(status))))
            return
        }
        var code = CURLE_OK
        while let raw = unsafe self.raw, let easy = unsafe ccurl_multi_finished(raw, &code) {
            var context: UnsafeMutableRawPointer?
            unsafe ccurl_get_pointer(easy, CURLINFO_PRIVATE, &context)
            guard let context = unsafe context else { continue }
            let transfer = unsafe Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
            end(transfer, transfer.result(code))
        }
    }

    // MARK: Ending

    /// Lets the transfers under way finish, then closes.
    func retire() {
        guard !isRetiring else { return }
        isRetiring = true
        if live.isEmpty { close(.shutDown) }
    }

    /// Ends every transfer and connection; safe to repeat.
    func close(_ reason: HTTPClientError) {
        guard let raw = unsafe raw, !isClosing else { return }
        isRetiring = true
        isClosing = true
        for transfer in live.values { end(transfer, .failure(reason)) }
        while let easy = unsafe idleHandles.popLast() { unsafe curl_easy_cleanup(easy) }
        unsafe curl_multi_cleanup(raw)
        unsafe self.raw = nil
        for watcher in watchers.values { watcher.close() }
        watchers = [:]
        timer?.close()
        timer = nil
        closed(self)
    }
}
