import HTTP
import HTTPClient
import HelperCore
import JSON
import Telemetry

/// One call of the Account Management API: bounds, retries, and what its answers mean.
struct ThreeScaleTransport: Sendable {
    private static let responseBytesMax = 16 * 1024 * 1024

    private let configuration: ThreeScaleConfiguration
    private let client: HTTPClient
    private let slots: CallSlots
    private let sleep: @Sendable (Duration) async -> Void
    private let metrics: UpstreamMetrics
    private let tracer: Tracer

    init(
        configuration: ThreeScaleConfiguration, client: HTTPClient, metrics: UpstreamMetrics, tracer: Tracer,
        sleep: @escaping @Sendable (Duration) async -> Void
    ) {
        self.configuration = configuration
        self.client = client
        self.metrics = metrics
        self.tracer = tracer
        self.sleep = sleep
        slots = CallSlots(count: configuration.concurrency, waitersMax: 256)
    }

    /// Reads; safe to repeat, and repeated when the failure may pass.
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
                guard attempt <= configuration.retries, let pause = Self.pause(after: error, attempt),
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

    // MARK: One exchange

    private func send(
        _ method: HTTPMethod, _ path: String, query: [(String, String)] = [], form: [(String, String)]? = nil,
        operation: String
    ) async throws(APIManagerError) -> JSONValue {
        let isWrite = method != .get
        let began = ContinuousClock.now
        do throws(APIManagerError) {
            guard await slots.enter(within: Deadline.remaining(atMost: .seconds(5)), sleep: sleep) else {
                throw .unavailable(retryAfter: .seconds(1), cause: "no room to wait for 3scale", outcomeUnknown: false)
            }
            defer { slots.leave() }
            let response = try await exchange(method, path, query, form, operation)
            let value = try ThreeScaleAnswer.value(of: response, isWrite: isWrite)
            metrics.record(operation, .ok, since: began)
            return value
        } catch {
            metrics.record(operation, Self.outcome(error), since: began)
            throw error
        }
    }

    private func exchange(
        _ method: HTTPMethod, _ path: String, _ query: [(String, String)], _ form: [(String, String)]?,
        _ operation: String
    ) async throws(APIManagerError) -> HTTPClientResponse {
        let remaining = Deadline.remaining(atMost: configuration.timeout)
        guard remaining > .zero else { throw .timeout(cause: "no time left to ask 3scale", outcomeUnknown: false) }
        var url = "\(configuration.baseURL)/admin/api/\(path).json"
        if !query.isEmpty { url += "?" + Self.encode(query) }
        var request = HTTPClientRequest(
            method: method, url: url, timeout: remaining, maxResponseBytes: Self.responseBytesMax)
        // Either half may hold the token; the name is where people look for it. Never in the URL: proxies log those.
        request.basicCredentials = BasicCredentials(user: "", password: configuration.accessToken())
        request.fields.append("accept", "application/json")
        if let form, method != .delete {
            request.fields.append("content-type", "application/x-www-form-urlencoded")
            request.body = Array(Self.encode(form).utf8)
        }
        do throws(HTTPClientError) {
            return try await execute(request, operation)
        } catch {
            let unknown = method != .get && error.requestMayHaveBeenProcessed
            let cause = "3scale: \(error)"
            switch error {
            case .timeout: throw .timeout(cause: cause, outcomeUnknown: unknown)
            case .responseTooLarge, .malformedResponse, .invalidRequest:
                throw .malformed(cause: cause, outcomeUnknown: unknown)
            default: throw .unavailable(retryAfter: nil, cause: cause, outcomeUnknown: unknown)
            }
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
        case .unavailable(let retryAfter?, _, _): return min(retryAfter, .seconds(10))
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
