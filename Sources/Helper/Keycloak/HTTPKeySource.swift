import HTTP
package import HTTPClient
package import HelperCore
package import Telemetry

/// Fetches over HTTP. Redirects are not followed, answers are bounded in size and time, and a Keycloak that fails again and
/// again is left alone between probes.
package struct HTTPKeySource: KeySource, IntrospectionSource {
    /// The names of all calls, for metrics.
    package static let operations = ["discovery", "keys", "introspection"]

    private static let timeout = Duration.seconds(5)
    private static let introspectionBytesMax = 64 * 1024

    private let client: HTTPClient
    private let credentials: (@Sendable () -> BasicCredentials)?
    private let metrics: UpstreamMetrics
    private let tracer: Tracer
    private let breaker: CircuitBreaker

    /// - Parameter credentials: our client id and secret, for introspection; asked for each time, since a secret may be
    ///   replaced meanwhile.
    package init(
        client: HTTPClient, credentials: (@Sendable () -> BasicCredentials)? = nil, metrics: UpstreamMetrics,
        tracer: Tracer,
        breaker: CircuitBreaker
    ) {
        self.client = client
        self.credentials = credentials
        self.metrics = metrics
        self.tracer = tracer
        self.breaker = breaker
    }

    package func fetch(_ url: String) async throws(KeySourceError) -> [UInt8] {
        try await answer(
            HTTPClientRequest(url: url, timeout: Self.timeout, maxResponseBytes: KeySet.bytesMax),
            url.hasSuffix("/openid-configuration") ? "discovery" : "keys")
    }

    package func introspect(_ token: ArraySlice<UInt8>, at url: String) async throws(KeySourceError) -> [UInt8] {
        // The token's alphabet needs no encoding in a form.
        // Form-encoded first (RFC 6749 §2.3.1): a colon or a percent sign in a secret would be misread.
        let credentials = credentials.map { $0() }.map {
            BasicCredentials(user: PercentEncoding.encode($0.user), password: PercentEncoding.encode($0.password))
        }
        let fields = HTTPFields([("content-type", "application/x-www-form-urlencoded"), ("accept", "application/json")])
        return try await answer(
            HTTPClientRequest(
                method: .post, url: url, fields: fields, body: Self.bodyStart + token, basicCredentials: credentials,
                timeout: Self.timeout, maxResponseBytes: Self.introspectionBytesMax), "introspection")
    }

    private func answer(_ request: HTTPClientRequest, _ operation: String) async throws(KeySourceError) -> [UInt8] {
        if breaker.admit() != nil {
            throw KeySourceError("\(request.url): Keycloak is left alone after failures in a row")
        }
        let began = ContinuousClock.now
        let response: HTTPClientResponse
        do throws(HTTPClientError) {
            response = try await tracer.withSpan("keycloak \(operation)", ofKind: .client) {
                span throws(HTTPClientError) in
                var request = request
                for field in span.context.spanContext?.propagationFields ?? [] {
                    request.fields.append(field.name, field.value)
                }
                span.setAttribute("http.request.method", .string(request.method.rawValue))
                span.setAttribute("peer.service", "keycloak")
                let response = try await client.execute(request)
                span.setAttribute("http.response.status_code", .integer(response.status.code))
                if response.status.code >= 400 { span.setStatus(SpanStatus(code: .error)) }
                return response
            }
        } catch {
            if error != .cancelled, error != .shutDown { breaker.failed() }
            if case .timeout = error {
                metrics.record(operation, .timeout, since: began)
            } else {
                metrics.record(operation, .unavailable, since: began)
            }
            throw KeySourceError("\(request.url): \(error)")
        }
        metrics.record(operation, Self.outcome(response.status.code), since: began)
        // A refusal is an answer; a 429 speaks neither for Keycloak nor against it.
        if response.status.code >= 500 { breaker.failed() } else if response.status.code != 429 { breaker.succeeded() }
        guard response.status.code == 200 else {
            throw KeySourceError("\(request.url) answered \(response.status.code)")
        }
        return response.body
    }

    private static func outcome(_ status: Int) -> UpstreamMetrics.Outcome {
        switch status {
        case 200: .ok
        case 401, 403: .accessDenied
        case 404: .notFound
        case 429, 500...599: .unavailable
        default: .rejected
        }
    }

    private static let bodyStart = Array("token_type_hint=access_token&token=".utf8)
}
