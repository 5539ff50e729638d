import HTTP
import HTTPClient
import JSON
import WireContract

/// The helper's API, as its caller.
struct APIClient: Sendable {
    /// Longer than the server allows itself.
    private static let timeout = Duration.seconds(45)
    private static let responseBytesMax = 16 * 1024 * 1024

    let server: String
    let sender: HTTPSender
    let session: SessionKeeper

    /// The data of a success.
    struct Success: Sendable {
        let message: String
        let data: WireObject
    }

    /// What the server says of signing in. Needs no token.
    static func document(_ server: String, _ sender: HTTPSender) async throws(CommandFailure) -> ClientDocument {
        let response = try await sender.send(
            HTTPClientRequest(url: server + "/api/client"), isRepeatable: true, server: server)
        return try read(response, server) { data throws(WireProblem) in try ClientDocument(data) }
    }

    func get<Value>(
        _ path: String, _ decode: (WireObject) throws(WireProblem) -> Value
    ) async throws(CommandFailure) -> Value {
        try Self.read(try await send(.get, path, nil), server, decode)
    }

    func post<Value>(
        _ path: String, _ body: JSONObject? = nil, _ decode: (WireObject) throws(WireProblem) -> Value
    ) async throws(CommandFailure) -> Value {
        try Self.read(try await send(.post, path, body), server, decode)
    }

    func put<Value>(
        _ path: String, _ body: JSONObject, _ decode: (WireObject) throws(WireProblem) -> Value
    ) async throws(CommandFailure) -> Value {
        try Self.read(try await send(.put, path, body), server, decode)
    }

    func delete<Value>(
        _ path: String, _ decode: (WireObject) throws(WireProblem) -> Value
    ) async throws(CommandFailure) -> Value {
        try Self.read(try await send(.delete, path, nil), server, decode)
    }

    /// Every route of the API may be called again: a repeated call finds what the first one did.
    private func send(
        _ method: HTTPMethod, _ path: String, _ body: JSONObject?
    ) async throws(CommandFailure) -> HTTPClientResponse {
        let token = try await token()
        let response = try await send(method, path, body, token)
        guard response.status == .unauthorized else { return response }
        // The session may have ended before the token did, or a clock was put back.
        let renewed = try await session.accessToken(insteadOf: token)
        let second = try await send(method, path, body, renewed)
        guard second.status == .unauthorized else { return second }
        throw CommandFailure(
            .failed, "\(server) does not accept the token that Keycloak has just issued.",
            hints: [
                "Tell the operator: tokens of CLI_CLIENT_ID need an audience of KEYCLOAK_AUDIENCE, and an accepted issuer.",
                "Request id: \(second.fields["x-request-id"] ?? "unknown")",
            ])
    }

    /// An access token. Where there is no sign-in, a server that cannot be reached is the first thing to say.
    private func token() async throws(CommandFailure) -> String {
        let reason: CommandFailure
        do throws(CommandFailure) {
            return try await session.accessToken()
        } catch {
            reason = error
        }
        guard reason.status == .signIn else { throw reason }
        do throws(CommandFailure) {
            _ = try await Self.document(server, sender)
        } catch {
            if error.status == .unreachable { throw error }
        }
        throw reason
    }

    private func send(
        _ method: HTTPMethod, _ path: String, _ body: JSONObject?, _ token: String
    ) async throws(CommandFailure) -> HTTPClientResponse {
        var fields = HTTPFields([("authorization", "Bearer \(token)"), ("accept", "application/json")])
        if body != nil { fields.append("content-type", "application/json") }
        return try await sender.send(
            HTTPClientRequest(
                method: method, url: server + path, fields: fields,
                // A POST without a body says so by its length.
                body: body.map { JSONValue.object($0).encoded() } ?? (method == .post ? [] : nil),
                timeout: Self.timeout, maxResponseBytes: Self.responseBytesMax), isRepeatable: true, server: server)
    }

    // MARK: Answers

    private static func read<Value>(
        _ response: HTTPClientResponse, _ server: String, _ decode: (WireObject) throws(WireProblem) -> Value
    ) throws(CommandFailure) -> Value {
        let envelope: WireEnvelope
        do throws(WireProblem) {
            envelope = try WireEnvelope(response.body)
            if case .success(_, let data) = envelope { return try decode(data) }
        } catch {
            throw CommandFailure(
                response.status.code >= 500 ? .unreachable : .failed,
                "\(server) answers HTTP \(response.status.code) with something that MLaaS Helper does not answer: \(error).",
                hints: ["Check the URL: it is the helper's, without /api. Or update mlaas, if the server is newer."])
        }
        guard case .failure(let failure) = envelope else { preconditionFailure("Invalid state: neither") }
        throw Self.failure(failure, response)
    }

    static func failure(_ failure: WireFailure, _ response: HTTPClientResponse) -> CommandFailure {
        var hints = failure.details.map { "\($0.field): \($0.issue)" }
        switch failure.code {
        case "RATE_LIMITED", "OVERLOADED", "UPSTREAM_UNAVAILABLE", "KEY_UNAVAILABLE":
            if let seconds = response.fields["retry-after"] { hints.append("Try again in \(seconds) seconds.") }
        case "KEY_LIMIT_REACHED": hints.append("List your keys: mlaas keys")
        default: break
        }
        hints.append("Request id: \(failure.requestID) (\(failure.code))")
        let isAway = response.status == .serviceUnavailable || response.status == .gatewayTimeout
        return CommandFailure(isAway ? .unreachable : .failed, failure.message, hints: hints)
    }
}
