import HTTP
import HTTPClient
import JSON

/// Keycloak, for a client without a secret.
struct OAuthClient: Sendable {
    private static let timeout = Duration.seconds(15)
    private static let formType = "application/x-www-form-urlencoded"

    let sender: HTTPSender
    let settings: CLISettings

    /// Reads the discovery document of an issuer.
    func endpoints(_ issuer: String) async throws(CommandFailure) -> IssuerEndpoints {
        try settings.check(issuer, "The issuer")
        let url = issuer + "/.well-known/openid-configuration"
        let response = try await sender.send(
            HTTPClientRequest(url: url, timeout: Self.timeout), isRepeatable: true, server: "Keycloak at \(issuer)")
        guard response.status == .ok, let object = (try? JSONValue(parsing: response.body))?.object else {
            throw CommandFailure(
                response.status.code >= 500 ? .unreachable : .failed,
                "\(url) answers HTTP \(response.status.code) instead of a discovery document.",
                hints: ["The operator can check the first of KEYCLOAK_ISSUERS."])
        }
        guard let endpoints = IssuerEndpoints(object, issuer: issuer) else {
            throw CommandFailure(
                .failed, "The discovery document at \(url) is not that of the issuer \(issuer).",
                hints: ["The operator can check the first of KEYCLOAK_ISSUERS."])
        }
        let named = [endpoints.authorization, endpoints.token, endpoints.device, endpoints.revocation]
        for url in named.compactMap({ $0 }) {
            try settings.check(url, "An endpoint of the issuer", mayHaveQuery: true)
        }
        return endpoints
    }

    /// Gets tokens by a grant.
    func tokens(
        _ endpoint: String, _ fields: [(String, String)]
    ) async throws(CommandFailure) -> Result<TokenAnswer, OAuthRefusal> {
        let object: JSONObject
        switch try await post(endpoint, fields) {
        case .failure(let refusal): return .failure(refusal)
        case .success(let answer): object = answer
        }
        guard let tokens = TokenAnswer(object) else {
            throw CommandFailure(.failed, "\(endpoint) answers no access token.")
        }
        return .success(tokens)
    }

    /// Begins a sign-in on another device.
    func startDevice(
        _ endpoint: String, _ fields: [(String, String)]
    ) async throws(CommandFailure) -> Result<DeviceCode, OAuthRefusal> {
        let object: JSONObject
        switch try await post(endpoint, fields) {
        case .failure(let refusal): return .failure(refusal)
        case .success(let answer): object = answer
        }
        guard let code = DeviceCode(object) else {
            throw CommandFailure(.failed, "\(endpoint) answers no device code.")
        }
        return .success(code)
    }

    /// Ends the session that a refresh token belongs to (RFC 7009).
    func revoke(
        _ endpoint: String, clientID: String, refreshToken: String
    ) async throws(CommandFailure) -> OAuthRefusal? {
        let answer = try await post(
            endpoint,
            [("client_id", clientID), ("token", refreshToken), ("token_type_hint", "refresh_token")])
        if case .failure(let refusal) = answer { return refusal }
        return nil
    }

    private func post(
        _ endpoint: String, _ fields: [(String, String)]
    ) async throws(CommandFailure) -> Result<JSONObject, OAuthRefusal> {
        let body = fields.map { "\($0.0)=\(PercentEncoding.encode($0.1))" }.joined(separator: "&")
        let request = HTTPClientRequest(
            method: .post, url: endpoint,
            fields: HTTPFields([("content-type", Self.formType), ("accept", "application/json")]),
            body: Array(body.utf8), timeout: Self.timeout)
        // A code and, with rotation, a refresh token can be spent once.
        let response = try await sender.send(request, isRepeatable: false, server: "Keycloak at \(endpoint)")
        let object = (try? JSONValue(parsing: response.body))?.object
        if response.status == .ok {
            if let code = object?["error"]?.string { return .failure(refusal(code, object, response)) }
            return .success(object ?? JSONObject())
        }
        guard let code = object?["error"]?.string else {
            throw CommandFailure(
                response.status.code >= 500 ? .unreachable : .failed,
                "\(endpoint) answers HTTP \(response.status.code) without saying why.")
        }
        if response.status.code >= 500 {
            throw CommandFailure(.unreachable, "\(endpoint) answers HTTP \(response.status.code): \(code).")
        }
        return .failure(refusal(code, object, response))
    }

    private func refusal(_ code: String, _ object: JSONObject?, _ response: HTTPClientResponse) -> OAuthRefusal {
        OAuthRefusal(code: code, description: object?["error_description"]?.string, status: response.status.code)
    }
}
