import HTTP
package import HTTPClient
package import HelperCore
package import Telemetry

/// Fetches key sets and discovery documents.
package protocol KeySource: Sendable {
    /// The body of a 200 answer.
    func fetch(_ url: String) async throws(KeySourceError) -> [UInt8]
}

/// Why there is no document.
package struct KeySourceError: Error, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}

/// Fetches over HTTP.
package struct HTTPKeySource: KeySource {
    /// The names of all calls, for metrics.
    package static let operations = ["discovery", "keys"]

    private let client: HTTPClient
    private let metrics: UpstreamMetrics
    private let tracer: Tracer

    package init(client: HTTPClient, metrics: UpstreamMetrics, tracer: Tracer) {
        self.client = client
        self.metrics = metrics
        self.tracer = tracer
    }

    package func fetch(_ url: String) async throws(KeySourceError) -> [UInt8] {
        let operation = url.hasSuffix("/.well-known/openid-configuration") ? "discovery" : "keys"
        let began = ContinuousClock.now
        let response: HTTPClientResponse
        do throws(HTTPClientError) {
            response = try await tracer.withSpan("keycloak \(operation)", ofKind: .client) {
                span throws(HTTPClientError) in
                var request = HTTPClientRequest(url: url, timeout: .seconds(5), maxResponseBytes: KeySet.bytesMax)
                for field in span.context.spanContext?.propagationFields ?? [] {
                    request.fields.append(field.name, field.value)
                }
                span.setAttribute("http.request.method", "GET")
                span.setAttribute("peer.service", "keycloak")
                let response = try await client.execute(request)
                span.setAttribute("http.response.status_code", .integer(response.status.code))
                if response.status.code >= 400 { span.setStatus(SpanStatus(code: .error)) }
                return response
            }
        } catch {
            if case .timeout = error {
                metrics.record(operation, .timeout, since: began)
            } else {
                metrics.record(operation, .unavailable, since: began)
            }
            throw KeySourceError("\(url): \(error)")
        }
        metrics.record(operation, Self.outcome(response.status.code), since: began)
        guard response.status.code == 200 else { throw KeySourceError("\(url) answered \(response.status.code)") }
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
}
