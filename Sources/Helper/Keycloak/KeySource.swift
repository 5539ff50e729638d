import HTTP
package import HTTPClient
package import HelperCore

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

    package init(client: HTTPClient, metrics: UpstreamMetrics) {
        self.client = client
        self.metrics = metrics
    }

    package func fetch(_ url: String) async throws(KeySourceError) -> [UInt8] {
        let operation = url.hasSuffix("/.well-known/openid-configuration") ? "discovery" : "keys"
        let began = ContinuousClock.now
        let response: HTTPClientResponse
        do throws(HTTPClientError) {
            response = try await client.execute(
                HTTPClientRequest(url: url, timeout: .seconds(5), maxResponseBytes: KeySet.bytesMax))
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
