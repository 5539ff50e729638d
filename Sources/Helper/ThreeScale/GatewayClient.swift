import Bytes
import HTTP
package import HTTPClient
package import HelperCore
import JSON

/// 3scale's gateways, as a client of a model sees them. Its HTTP client must be one of its own, so that no connection carries both a
/// caller's key and a credential of ours.
package struct GatewayClient: ModelGateway {
    /// A list of a thousand models takes a fifth of it.
    private static let responseBytesMax = 1024 * 1024
    /// A gateway's refusal is a few words.
    private static let textMax = 200
    private static let modelsMax = 100
    private static let modelBytesMax = 200

    private let client: HTTPClient

    package init(_ client: HTTPClient) { self.client = client }

    package func ask(
        _ request: GatewayRequest, within limit: Duration
    ) async throws(GatewayFailure) -> GatewayAnswer {
        guard limit > .zero else { throw .timeout }
        var url = request.url
        for pair in request.query {
            url += url.utf8.contains(UInt8(ascii: "?")) ? "&" : "?"
            url += "\(PercentEncoding.encode(pair.name))=\(PercentEncoding.encode(pair.value))"
        }
        var sent = HTTPClientRequest(
            method: .get, url: url, timeout: limit, maxResponseBytes: Self.responseBytesMax)
        for pair in request.fields { sent.fields.append(pair.name, pair.value) }
        sent.fields.append("accept", "application/json")
        sent.basicCredentials = request.basic.map { BasicCredentials(user: $0.name, password: $0.value) }
        do throws(HTTPClientError) {
            return Self.answer(try await client.execute(sent))
        } catch {
            throw Self.failure(error)
        }
    }

    private static func answer(_ response: HTTPClientResponse) -> GatewayAnswer {
        let text = String(decoding: response.body.prefix(textMax), as: UTF8.self)
        return GatewayAnswer(
            status: response.status.code,
            isPlainText: response.fields["content-type"]?.lowercased().hasPrefix("text/plain") == true,
            text: trimmed(text), models: models(in: response))
    }

    private static func trimmed(_ text: String) -> String {
        let start = text.drop { $0.isWhitespace }
        return String(start.prefix(start.count - start.reversed().prefix { $0.isWhitespace }.count))
    }

    /// The ids of a list as OpenAI's; nil for every other answer.
    private static func models(in response: HTTPClientResponse) -> [String]? {
        guard (200...299).contains(response.status.code),
            let document = try? JSONValue(parsing: response.body), let entries = document["data"]?.array
        else { return nil }
        return Array(
            entries.compactMap { $0["id"]?.string }.filter { $0.utf8.count <= modelBytesMax }.prefix(modelsMax))
    }

    private static func failure(_ error: HTTPClientError) -> GatewayFailure {
        switch error {
        case .timeout: .timeout
        case .queueTimeout: .busy
        case .connectFailed(let reason): .unreachable(reason)
        // What else fails in a handshake, such as a port that speaks no TLS, says nothing of a certificate.
        case .tlsFailed(let reason) where reason.contains("certificate"): .untrusted(reason)
        case .tlsFailed(let reason): .unreachable(reason)
        case .connectionLost: .unreachable("the connection ended before the answer")
        case .malformedResponse: .unreachable("what answers is not HTTP")
        case .responseTooLarge: .tooLong
        case .invalidRequest(let reason): .impossible(reason)
        case .cancelled, .shutDown: .unreachable("this helper is being stopped")
        }
    }
}
