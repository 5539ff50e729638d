import HTTP
package import HTTPClient
package import HelperCore
package import Telemetry

/// Sends requests to one system behind us. Each is a span, and the system learns its place in the trace.
package struct TracedClient<Operation: UpstreamOperation>: Sendable {
    private let client: HTTPClient
    private let tracer: Tracer

    package init(_ client: HTTPClient, tracer: Tracer) {
        self.client = client
        self.tracer = tracer
    }

    package func execute(
        _ request: HTTPClientRequest, _ operation: Operation
    ) async throws(HTTPClientError) -> HTTPClientResponse {
        let system = Operation.system.rawValue
        return try await tracer.withSpan("\(system) \(operation)", ofKind: .client) { span throws(HTTPClientError) in
            var request = request
            for field in span.context.spanContext?.propagationFields ?? [] {
                request.fields.append(field.name, field.value)
            }
            span.setAttribute("http.request.method", .string(request.method.rawValue))
            span.setAttribute("peer.service", .string(system))
            let response = try await client.execute(request)
            span.setAttribute("http.response.status_code", .integer(response.status.code))
            if response.status.code >= 400 { span.setStatus(SpanStatus(code: .error)) }
            return response
        }
    }
}
