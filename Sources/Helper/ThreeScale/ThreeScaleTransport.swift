import HTTP
import HTTPClient
import HelperCore
import JSON
import Telemetry

/// One call of the Account Management API: bounds, retries, and what its answers mean.
struct ThreeScaleTransport: Sendable {
    private static let responseBytesMax = 16 * 1024 * 1024

    /// A write must leave time to look up what became of it.
    private static let lookUpReserve = Duration.seconds(5)

    let breaker: CircuitBreaker
    private let configuration: ThreeScaleConfiguration
    private let client: HTTPClient
    private let slots: CallSlots
    private let sleep: @Sendable (Duration) async -> Void
    private let metrics: UpstreamMetrics
    private let tracer: Tracer

    init(
        configuration: ThreeScaleConfiguration, client: HTTPClient, metrics: UpstreamMetrics, tracer: Tracer,
        breaker: CircuitBreaker,
        sleep: @escaping @Sendable (Duration) async -> Void
    ) {
        self.configuration = configuration
        self.client = client
        self.metrics = metrics
        self.tracer = tracer
        self.breaker = breaker
        self.sleep = sleep
        slots = CallSlots(count: configuration.concurrency, waitersMax: 256)
    }

    /// Reads; safe to repeat, and repeated when the failure may pass and the breaker is closed.
    /// - Parameter path: below `/admin/api/`, percent-encoded.
    func get(
        _ path: String, _ query: [(String, String)] = [], operation: String
    ) async throws(APIManagerError) -> JSONValue {
        var attempt = 0
        while true {
            do throws(APIManagerError) {
                return try await send(.get, path, query: query, operation: operation)
            } catch {
                attempt += 1
                guard attempt <= configuration.retries, !breaker.isOpen, let pause = Self.pause(after: error, attempt),
                    Deadline.remaining(atMost: configuration.timeout) > pause
                else { throw error }
                await sleep(pause)
            }
        }
    }

    /// Writes; sent once.
    func write(
        _ method: HTTPMethod, _ path: String, _ form: [(String, String)] = [], operation: String
    ) async throws(APIManagerError) -> JSONValue {
        try await send(method, path, form: form, operation: operation)
    }

    /// Reads to learn whether anybody answers: past the breaker and past those who wait for room.
    func probe(_ path: String, _ query: [(String, String)], operation: String) async {
        let began = ContinuousClock.now
        await breaker.probe {
            do throws(APIManagerError) {
                _ = try await exchange(.get, path, query, nil, operation)
                metrics.record(operation, .ok, since: began)
            } catch {
                metrics.record(operation, Self.outcome(error), since: began)
            }
        }
    }

    // MARK: One exchange

    private func send(
        _ method: HTTPMethod, _ path: String, query: [(String, String)] = [], form: [(String, String)]? = nil,
        operation: String
    ) async throws(APIManagerError) -> JSONValue {
        let began = ContinuousClock.now
        do throws(APIManagerError) {
            let isProbe = breaker.isOpen
            if let wait = breaker.admit() { throw Self.refusal(wait) }
            guard await slots.enter(within: Deadline.remaining(atMost: .seconds(5)), sleep: sleep) else {
                throw .unavailable(retryAfter: .seconds(1), cause: "no room to wait for 3scale", outcomeUnknown: false)
            }
            defer { slots.leave() }
            // It may have opened while this call waited.
            if breaker.isOpen, !isProbe { throw Self.refusal(breaker.probeInterval) }
            let value = try await exchange(method, path, query, form, operation)
            metrics.record(operation, .ok, since: began)
            return value
        } catch {
            metrics.record(operation, Self.outcome(error), since: began)
            throw error
        }
    }

    private static func refusal(_ wait: Duration) -> APIManagerError {
        .unavailable(
            retryAfter: max(wait, .seconds(1)), cause: "3scale is left alone after failures in a row",
            outcomeUnknown: false)
    }

    private func exchange(
        _ method: HTTPMethod, _ path: String, _ query: [(String, String)], _ form: [(String, String)]?,
        _ operation: String
    ) async throws(APIManagerError) -> JSONValue {
        let isWrite = method != .get
        var remaining = Deadline.remaining(atMost: configuration.timeout)
        if isWrite { remaining -= min(remaining / 3, Self.lookUpReserve) }
        guard remaining > .zero else { throw .timeout(cause: "no time left to ask 3scale", outcomeUnknown: false) }
        let response: HTTPClientResponse
        do throws(HTTPClientError) {
            response = try await execute(request(method, path, query, form, remaining), operation)
        } catch {
            // A call that was given next to no time says nothing of 3scale.
            if error.isPeersFault, remaining >= min(.seconds(1), configuration.timeout / 4) { breaker.failed() }
            throw Self.translate(error, isWrite)
        }
        do throws(APIManagerError) {
            let value = try ThreeScaleAnswer.value(of: response, isWrite: isWrite)
            breaker.succeeded()
            return value
        } catch {
            // A refusal is an answer; one that we come too often neither speaks for 3scale nor against it.
            if !error.isTransient { breaker.succeeded() } else if response.status.code != 429 { breaker.failed() }
            throw error
        }
    }

    private func request(
        _ method: HTTPMethod, _ path: String, _ query: [(String, String)], _ form: [(String, String)]?,
        _ timeout: Duration
    ) -> HTTPClientRequest {
        var url = "\(configuration.baseURL)/admin/api/\(path).json"
        if !query.isEmpty { url += "?" + Self.encode(query) }
        var request = HTTPClientRequest(
            method: method, url: url, timeout: timeout, maxResponseBytes: Self.responseBytesMax)
        // Either half may hold the token; the name is where people look for it. Never in the URL: proxies log those.
        request.basicCredentials = BasicCredentials(user: "", password: configuration.accessToken())
        request.fields.append("accept", "application/json")
        if let form, method != .delete {
            request.fields.append("content-type", "application/x-www-form-urlencoded")
            request.body = Array(Self.encode(form).utf8)
        }
        return request
    }

    private static func translate(_ error: HTTPClientError, _ isWrite: Bool) -> APIManagerError {
        let unknown = isWrite && error.requestMayHaveBeenProcessed
        let cause = "3scale: \(error)"
        return switch error {
        case .timeout: .timeout(cause: cause, outcomeUnknown: unknown)
        case .responseTooLarge, .malformedResponse, .invalidRequest: .malformed(cause: cause, outcomeUnknown: unknown)
        default: .unavailable(retryAfter: nil, cause: cause, outcomeUnknown: unknown)
        }
    }

    /// Each attempt is a span of its own, which 3scale is told of.
    private func execute(
        _ request: HTTPClientRequest, _ operation: String
    ) async throws(HTTPClientError) -> HTTPClientResponse {
        try await tracer.withSpan("3scale \(operation)", ofKind: .client) { span throws(HTTPClientError) in
            var request = request
            for field in span.context.spanContext?.propagationFields ?? [] {
                request.fields.append(field.name, field.value)
            }
            span.setAttribute("http.request.method", .string(request.method.rawValue))
            span.setAttribute("peer.service", "3scale")
            let response = try await client.execute(request)
            span.setAttribute("http.response.status_code", .integer(response.status.code))
            if response.status.code >= 400 { span.setStatus(SpanStatus(code: .error)) }
            return response
        }
    }

    private static func encode(_ pairs: [(String, String)]) -> String {
        pairs.map { "\(PercentEncoding.encode($0.0))=\(PercentEncoding.encode($0.1))" }.joined(separator: "&")
    }

    /// Nil when repeating is of no use. Doubles each time, with jitter so that replicas do not march in step.
    private static func pause(after error: APIManagerError, _ attempt: Int) -> Duration? {
        switch error {
        // Not before the time it named, and not all at once.
        case .unavailable(let retryAfter?, _, _): return retryAfter + .milliseconds(Int.random(in: 0...250))
        case .unavailable, .malformed: return .milliseconds(100 << min(attempt - 1, 5)) * Double.random(in: 0.5...1.5)
        case .timeout, .accessDenied, .rejected, .notFound: return nil
        }
    }

    private static func outcome(_ error: APIManagerError) -> UpstreamMetrics.Outcome {
        switch error {
        case .unavailable: .unavailable
        case .timeout: .timeout
        case .accessDenied: .accessDenied
        case .rejected: .rejected
        case .notFound: .notFound
        case .malformed: .malformed
        }
    }
}

extension HTTPClientError {
    /// Whether it speaks against the peer, rather than against what was asked or our own end.
    fileprivate var isPeersFault: Bool {
        switch self {
        case .timeout, .connectFailed, .tlsFailed, .connectionLost, .malformedResponse: true
        case .responseTooLarge, .invalidRequest, .cancelled, .shutDown: false
        }
    }
}
