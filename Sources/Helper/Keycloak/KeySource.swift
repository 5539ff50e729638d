import HTTP
package import HTTPClient

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
    private let client: HTTPClient

    package init(client: HTTPClient) { self.client = client }

    package func fetch(_ url: String) async throws(KeySourceError) -> [UInt8] {
        let response: HTTPClientResponse
        do throws(HTTPClientError) {
            response = try await client.execute(
                HTTPClientRequest(url: url, timeout: .seconds(5), maxResponseBytes: KeySet.bytesMax))
        } catch {
            throw KeySourceError("\(url): \(error)")
        }
        guard response.status.code == 200 else { throw KeySourceError("\(url) answered \(response.status.code)") }
        return response.body
    }
}
