import CCurl
import EventLoop

/// libcurl's multi handle of one loop, driven by that loop's sockets and timer. Loop-confined; made on the first request.
///
/// libcurl calls back from inside our calls to say which sockets and which time-out it wants. The callbacks only note
/// that; they never call libcurl.
@safe final class TransferEngine {
    private static let idleHandlesMax = 64

    private let loop: EventLoop
    private let configuration: HTTPClientConfiguration
    private let roots: [UInt8]?
    private var multi: UnsafeMutableRawPointer?
    private var timer: LoopTimer?
    private var watchers: [curl_socket_t: DescriptorWatcher] = [:]
    private var live: [ObjectIdentifier: Transfer] = [:]
    private var idleHandles: [UnsafeMutableRawPointer] = unsafe []
    private var isShutDown = false

    init(loop: EventLoop, configuration: HTTPClientConfiguration) {
        self.loop = loop
        self.configuration = configuration
        roots = configuration.trustedRoots
    }

    // MARK: Transfers

    func start(
        _ transfer: Transfer,
        _ continuation: CheckedContinuation<Result<HTTPClientResponse, HTTPClientError>, Never>
    ) {
        transfer.begin(continuation)
        if transfer.isCancelled {
            transfer.finish(.failure(.cancelled))
            return
        }
        guard !isShutDown, let multi = unsafe openMulti() else {
            transfer.finish(.failure(.shutDown))
            return
        }
        guard let easy = unsafe idleHandles.popLast() ?? curl_easy_init() else {
            transfer.finish(.failure(.connectFailed("out of memory")))
            return
        }
        unsafe transfer.configure(easy, configuration, roots: roots)
        live[ObjectIdentifier(transfer)] = transfer
        // libcurl asks for a time-out of 0 in here: the transfer starts from the loop.
        let status = unsafe curl_multi_add_handle(multi, easy)
        if status != CURLM_OK { end(transfer, .failure(.connectFailed("curl_multi_add_handle: \(status.rawValue)"))) }
    }

    func cancel(_ transfer: Transfer) {
        transfer.markCancelled()
        if live[ObjectIdentifier(transfer)] != nil { end(transfer, .failure(.cancelled)) }
    }

    /// Takes the transfer from libcurl and resumes its caller.
    private func end(_ transfer: Transfer, _ result: Result<HTTPClientResponse, HTTPClientError>) {
        live[ObjectIdentifier(transfer)] = nil
        if let easy = unsafe transfer.easy {
            if let multi = unsafe multi { unsafe curl_multi_remove_handle(multi, easy) }
            transfer.release()
            if unsafe idleHandles.count < Self.idleHandlesMax {
                // Connections, names and TLS sessions belong to the multi handle and stay.
                unsafe curl_easy_reset(easy)
                unsafe idleHandles.append(easy)
            } else {
                unsafe curl_easy_cleanup(easy)
            }
        }
        transfer.finish(result)
    }

    // MARK: Driving libcurl

    private func openMulti() -> UnsafeMutableRawPointer? {
        if let multi = unsafe multi { return unsafe multi }
        guard let made = unsafe curl_multi_init() else { return nil }
        unsafe multi = made
        // Unretained: shutdown destroys the multi handle before the engine can go.
        let me = unsafe Unmanaged.passUnretained(self).toOpaque()
        unsafe ccurl_multi_set_long(made, CURLMOPT_MAX_HOST_CONNECTIONS, configuration.connectionsPerHost)
        unsafe ccurl_multi_set_long(made, CURLMOPT_MAXCONNECTS, configuration.idleConnections)
        unsafe ccurl_multi_set_socket(
            made,
            { _, descriptor, wanted, context, _ in
                let engine = unsafe Unmanaged<TransferEngine>.fromOpaque(context!).takeUnretainedValue()
                engine.wants(descriptor, wanted)
                return 0
            }, me)
        unsafe ccurl_multi_set_timer(
            made,
            { _, milliseconds, context in
                let engine = unsafe Unmanaged<TransferEngine>.fromOpaque(context!).takeUnretainedValue()
                engine.wants(timeout: milliseconds)
                return 0
            }, me)
        timer = LoopTimer(loop: loop) { [weak self] in self?.act(on: ccurl_socket_timeout, 0) }
        return unsafe made
    }

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
        guard let multi = unsafe multi else { return }
        var running: Int32 = 0
        let status = unsafe curl_multi_socket_action(multi, descriptor, events, &running)
        guard status == CURLM_OK else {
            // After such a failure no transfer can go on: start over with a new multi handle.
            closeMulti(.failure(.connectionLost(unsafe String(cString: curl_multi_strerror(status)))))
            return
        }
        var code = CURLE_OK
        while let easy = unsafe ccurl_multi_finished(multi, &code) {
            var context: UnsafeMutableRawPointer?
            unsafe ccurl_get_pointer(easy, CURLINFO_PRIVATE, &context)
            guard let context = unsafe context else { continue }
            let transfer = unsafe Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
            end(transfer, unsafe transfer.result(code, easy))
        }
    }

    // MARK: Ending

    func shutdown() {
        isShutDown = true
        closeMulti(.failure(.shutDown))
    }

    private func closeMulti(_ result: Result<HTTPClientResponse, HTTPClientError>) {
        for transfer in live.values { end(transfer, result) }
        while let easy = unsafe idleHandles.popLast() { unsafe curl_easy_cleanup(easy) }
        if let multi = unsafe multi { unsafe curl_multi_cleanup(multi) }
        unsafe multi = nil
        for watcher in watchers.values { watcher.close() }
        watchers = [:]
        timer?.close()
        timer = nil
    }
}
