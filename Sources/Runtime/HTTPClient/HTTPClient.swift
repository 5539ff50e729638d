import CCurl
package import Crypto
package import EventLoop
import HTTP
import Synchronization

/// Outgoing HTTP by libcurl's multi interface, on the caller's loop: one set of connections per loop, no hop. TLS is
/// verified, redirects are never followed, and nothing is read from the environment.
package final class HTTPClient: Sendable {
    private let group: EventLoopGroup
    private let configuration: HTTPClientConfiguration
    private let metrics: HTTPClientMetrics?
    private let state: Mutex<State>

    private struct State {
        /// Nil after the shutdown.
        var engines: [ObjectIdentifier: LoopBound<TransferEngine>]? = [:]
        var trust: TLSTrust?
    }

    package init(configuration: HTTPClientConfiguration, group: EventLoopGroup) {
        _ = Self.globalSetUp
        self.configuration = configuration
        self.group = group
        metrics = configuration.metrics.map(HTTPClientMetrics.init)
        state = Mutex(State(trust: configuration.trust))
    }

    /// libcurl's global state; once a process, before any other thread uses it.
    private static let globalSetUp: Bool = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    /// The version of the library at run time, with what it was built with.
    package static var libraryVersion: String { unsafe String(cString: curl_version()) }

    /// Sends a request and waits for the whole answer, whatever its status.
    /// - Throws: why there is no answer. Cancelling the task frees the transfer at once.
    package func execute(_ request: HTTPClientRequest) async throws(HTTPClientError) -> HTTPClientResponse {
        if let reason = Self.problem(of: request) { throw .invalidRequest(reason) }
        guard let engine = engine(for: group.currentOrAny()) else { throw .shutDown }
        let transfer = LoopBound(Transfer(request), to: engine.loop)
        let result: Result<HTTPClientResponse, HTTPClientError> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                engine.loop.execute { engine.value.start(transfer.value, continuation) }
            }
        } onCancel: {
            // A transfer that has ended, or has not begun, notes it and nothing else.
            engine.loop.execute { engine.value.cancel(transfer.value) }
        }
        return try result.get()
    }

    /// From now on peers must lead to these roots; what is under way finishes on the connections it has.
    package func replaceTrust(with trust: TLSTrust) {
        let engines = state.withLock { state in
            state.trust = trust
            return state.engines ?? [:]
        }
        for engine in engines.values { engine.loop.execute { engine.value.replaceTrust(with: trust) } }
    }

    /// Ends every transfer and connection; later requests fail with `shutDown`.
    package func shutdown() async {
        let engines = state.withLock { state in
            defer { state.engines = nil }
            return state.engines ?? [:]
        }
        for engine in engines.values {
            await withCheckedContinuation { continuation in
                engine.loop.execute {
                    engine.value.shutdown()
                    continuation.resume()
                }
            }
        }
    }

    private func engine(for loop: EventLoop) -> LoopBound<TransferEngine>? {
        state.withLock { state in
            if let known = state.engines?[ObjectIdentifier(loop)] { return known }
            guard state.engines != nil else { return nil }
            let made = LoopBound(
                TransferEngine(loop: loop, configuration: configuration, trust: state.trust, metrics: metrics),
                to: loop)
            state.engines?[ObjectIdentifier(loop)] = made
            return made
        }
    }

    /// What would let a caller's data end a line of the request.
    private static func problem(of request: HTTPClientRequest) -> String? {
        guard request.url.hasPrefix("http://") || request.url.hasPrefix("https://") else {
            return "the URL is neither http nor https"
        }
        guard request.url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            return "the URL holds a character that is not encoded"
        }
        for field in request.fields.all {
            for byte in field.name.utf8 where byte <= 0x20 || byte >= 0x7F || byte == 0x3A {
                return "a field name is malformed"
            }
            for byte in field.value.utf8 where (byte < 0x20 && byte != 0x09) || byte == 0x7F {
                return "the value of \(field.name) holds a control character"
            }
        }
        return nil
    }
}
