import HTTP
import HTTPServer
import JSON
import SandboxSupport

extension Exchange {
    var bearerToken: String? {
        guard let header = request.head.value(of: .authorization), header.lowercased().hasPrefix("bearer ") else {
            return nil
        }
        return String(header.dropFirst(7))
    }

    /// The session and user behind claims, while both are alive.
    private func owner(_ claims: JSONObject) -> (session: Session?, user: RealmUser)? {
        let session = claims["sid"]?.string.flatMap { state.sessions[$0] }
        if claims["sid"] != nil, session?.isAlive != true { return nil }
        guard let id = session?.userID ?? claims["sub"]?.string, let user = state.user(id: id), user.enabled else {
            return nil
        }
        return (session, user)
    }

    /// `/protocol/openid-connect/userinfo`.
    func userinfo() -> Response {
        func refuse(_ status: HTTPStatus, _ words: String) -> Response {
            var response = Response.text("", status: status, contentType: "text/plain;charset=utf-8")
            response.fields["www-authenticate"] = "Bearer realm=\"\(RealmSeed.realm)\"" + words
            response.fields["cache-control"] = "no-store"
            return response
        }
        guard let token = bearerToken ?? form["access_token"] else { return refuse(.unauthorized, "") }
        func invalid(_ words: String) -> Response {
            refuse(.unauthorized, ", error=\"invalid_token\", error_description=\"\(words)\"")
        }
        guard let claims = mint.read(token), claims["typ"]?.string == "Bearer", !state.revokedTokens.contains(token),
            claims["iss"]?.string == issuer, let client = claims["azp"]?.string.flatMap(state.client),
            let (_, user) = owner(claims)
        else { return invalid("Token verification failed") }
        if client.usesLightweightTokens { return invalid("Lightweight access token not allowed for userinfo endpoint") }
        guard claims["scope"]?.string?.split(separator: " ").contains("openid") == true else {
            return refuse(.forbidden, ", error=\"insufficient_scope\", error_description=\"Missing openid scope\"")
        }
        var answer = JSONObject([("sub", .string(user.id))])
        for name in ["email_verified", "name", "groups", "preferred_username", "given_name", "family_name", "email"] {
            answer[name] = claims[name]
        }
        var response = Response.json(JSONValue.object(answer).encoded())
        response.fields["cache-control"] = "no-store"
        return response
    }

    /// `/protocol/openid-connect/token/introspect` (RFC 7662).
    mutating func introspect() -> Response {
        let client: RealmClient
        do {
            client = try authenticateClient()
        } catch {
            return form["client_id"] == nil
                ? Self.error(.unauthorized, "invalid_client", "Invalid client or Invalid client credentials")
                : Self.error(.unauthorized, "invalid_client", "Client authentication failed.")
        }
        guard client.secret != nil else { return Self.error(.forbidden, "invalid_request", "Client not allowed.") }
        guard let token = form["token"] else {
            return Self.error(.badRequest, "invalid_request", "Token not provided.")
        }
        var response = Response.json(JSONValue.object(introspection(of: token, for: client)).encoded())
        response.fields["cache-control"] = "no-cache"
        return response
    }

    private func introspection(of token: String, for client: RealmClient) -> JSONObject {
        let inactive: JSONObject = ["active": false]
        guard var claims = mint.read(token), !state.revokedTokens.contains(token), claims["iss"]?.string == issuer,
            let issuedTo = claims["azp"]?.string.flatMap(state.client), let (session, user) = owner(claims)
        else { return inactive }
        let kind = claims["typ"]?.string ?? "Bearer"
        let full =
            session
            ?? Session(
                id: "", userID: user.id, clientID: issuedTo.id, isOffline: false, scope: ["email", "profile"],
                issuer: issuer, authTime: nil, nonce: nil)
        let own = claims
        if kind != "Bearer" { claims["aud"] = nil }
        mint.addFull(to: &claims, full, issuedTo, user)
        if kind == "Refresh" || kind == "Offline" {
            claims["aud"] = .array([.string(issuer)] + (claims["aud"]?.array ?? [claims["aud"] ?? .null]))
            claims["scope"] = own["scope"]
            claims["aud_x"] = nil
            claims["prov"] = nil
        }
        if kind == "ID" {
            claims["scope"] = nil
            claims["at_hash"] = nil
        }
        let audiences = claims["aud"]?.array?.compactMap(\.string) ?? [claims["aud"]?.string ?? ""]
        guard audiences.contains(client.id) || issuedTo.id == client.id else { return inactive }
        claims["client_id"] = .string(issuedTo.id)
        claims["username"] = .string(user.username)
        claims["token_type"] = .string(kind)
        claims["active"] = true
        return claims
    }

    /// `/protocol/openid-connect/revoke` (RFC 7009).
    mutating func revoke() -> Response {
        do throws(ClientRefusal) { _ = try authenticateClient() } catch { return error.response }
        guard let token = form["token"], let claims = mint.read(token) else {
            return Self.error(.ok, "invalid_token", "Invalid token")
        }
        switch claims["typ"]?.string {
        case "Refresh", "Offline":
            if let id = claims["sid"]?.string { state.sessions[id]?.isAlive = false }
        case "Bearer": state.revokedTokens.insert(token)
        default: return Self.error(.badRequest, "unsupported_token_type", "Unsupported token type")
        }
        return Response()
    }
}
