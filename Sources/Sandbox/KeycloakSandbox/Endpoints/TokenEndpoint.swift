import Crypto
import HTTP
import HTTPServer
import JSON
import SandboxSupport

extension Exchange {
    /// `/protocol/openid-connect/token` (RFC 6749 §3.2).
    mutating func token() -> Response {
        let names = form.pairs.map(\.name)
        if Set(names).count != names.count {
            return Self.uncached(Self.error(.badRequest, "invalid_request", "duplicated parameter"))
        }
        guard let grant = form["grant_type"] else {
            return Self.uncached(Self.error(.badRequest, "invalid_request", "Missing form parameter: grant_type"))
        }
        do {
            let client = try authenticateClient()
            return Self.uncached(try self.grant(grant, client))
        } catch let refusal as ClientRefusal {
            return Self.uncached(refusal.response)
        } catch {
            return Self.error(.internalServerError, "unknown_error", "\(error)")
        }
    }

    private mutating func grant(_ grant: String, _ client: RealmClient) throws -> Response {
        switch grant {
        case "password": try passwordGrant(client)
        case "client_credentials": try clientCredentialsGrant(client)
        case "refresh_token": try refreshGrant(client)
        case "authorization_code": try codeGrant(client)
        case "urn:ietf:params:oauth:grant-type:device_code": try deviceGrant(client)
        case "urn:ietf:params:oauth:grant-type:token-exchange":
            Self.error(
                .badRequest, "invalid_request", "Standard token exchange is not enabled for the requested client")
        default: Self.error(.badRequest, "unsupported_grant_type", "Unsupported grant_type")
        }
    }

    // MARK: Grants

    private mutating func passwordGrant(_ client: RealmClient) throws -> Response {
        guard client.allowsPassword else {
            return Self.error(.badRequest, "unauthorized_client", "Client not allowed for direct access grants")
        }
        if client.requiresDPoP { return Self.error(.badRequest, "invalid_request", "DPoP proof is missing") }
        guard let name = form["username"] else {
            return Self.error(.unauthorized, "invalid_request", "Missing parameter: username")
        }
        let scope: [String]
        switch self.scope(of: form["scope"]) {
        case .success(let granted): scope = granted
        case .failure(let refusal): return refusal.response
        }
        guard let user = state.user(name: name), let expected = user.password else {
            return Self.error(.badRequest, "invalid_grant", "Invalid user credentials")
        }
        guard user.enabled else { return Self.error(.badRequest, "invalid_grant", "Account disabled") }
        guard constantTimeEqual(Array(expected.utf8), Array((form["password"] ?? "").utf8)) else {
            return Self.error(.badRequest, "invalid_grant", "Invalid user credentials")
        }
        return try openSession(client, user, scope, grant: .password)
    }

    private mutating func clientCredentialsGrant(_ client: RealmClient) throws -> Response {
        guard client.secret != nil else {
            return Self.error(
                .unauthorized, "unauthorized_client", "Public client not allowed to retrieve service account")
        }
        guard client.allowsServiceAccount, let user = state.users.first(where: { $0.serviceAccountOf == client.id })
        else {
            return Self.error(.unauthorized, "unauthorized_client", "Client not enabled to retrieve service account")
        }
        switch scope(of: form["scope"]) {
        case .failure(let refusal): return refusal.response
        case .success(let scope): return try openSession(client, user, scope, grant: .clientCredentials)
        }
    }

    private mutating func refreshGrant(_ client: RealmClient) throws -> Response {
        guard let token = form["refresh_token"] else {
            return Self.error(.badRequest, "invalid_request", "No refresh token")
        }
        guard let claims = mint.read(token), ["Refresh", "Offline"].contains(claims["typ"]?.string) else {
            return Self.error(.badRequest, "invalid_grant", "Invalid refresh token")
        }
        guard claims["azp"]?.string == client.id else {
            return Self.error(
                .badRequest, "invalid_grant", "Invalid refresh token. Token client and authorized client don't match")
        }
        guard let session = claims["sid"]?.string.flatMap({ state.sessions[$0] }), session.isAlive else {
            return Self.error(.badRequest, "invalid_grant", "Session not active")
        }
        guard let user = state.user(id: session.userID), user.enabled else {
            return Self.error(.badRequest, "invalid_grant", "User disabled")
        }
        if state.rotatesRefreshTokens, let name = claims["jti"]?.string,
            !state.spentRefreshTokens.insert(name).inserted
        {
            // A stolen token may have been used: everything of the session ends.
            state.sessions[session.id]?.isAlive = false
            return Self.error(.badRequest, "invalid_grant", "Maximum allowed refresh token reuse exceeded")
        }
        return .json(JSONValue.object(try mint.tokens(session, client, user, grant: .refresh)).encoded())
    }

    private mutating func codeGrant(_ client: RealmClient) throws -> Response {
        guard let code = form["code"] else {
            return Self.error(.badRequest, "invalid_request", "Missing parameter: code")
        }
        guard var pending = state.codes[code], pending.clientID == client.id else {
            return Self.error(.badRequest, "invalid_grant", "Code not valid")
        }
        if let used = pending.usedBy {
            // Another client has the code: what it was exchanged for ends (RFC 6749 §4.1.2).
            state.sessions[used]?.isAlive = false
            return Self.error(.badRequest, "invalid_grant", "Code not valid")
        }
        guard pending.expiresAt > now else { return Self.error(.badRequest, "invalid_grant", "Code is expired") }
        guard form["redirect_uri"] == pending.redirectURI else {
            return Self.error(.badRequest, "invalid_grant", "Incorrect redirect_uri")
        }
        if let refusal = Self.checkVerifier(form["code_verifier"], pending.challenge) { return refusal }
        guard let user = state.user(id: pending.session.userID), user.enabled else {
            return Self.error(.badRequest, "invalid_grant", "User disabled")
        }
        pending.usedBy = pending.session.id
        state.codes[code] = pending
        state.sessions[pending.session.id] = pending.session
        return .json(JSONValue.object(try mint.tokens(pending.session, client, user, grant: .code)).encoded())
    }

    private mutating func deviceGrant(_ client: RealmClient) throws -> Response {
        guard let code = form["device_code"], var device = state.devices[code], device.clientID == client.id else {
            return Self.error(.badRequest, "invalid_grant", "Device code not valid")
        }
        guard device.expiresAt > now else { return Self.error(.badRequest, "expired_token", "Device code is expired") }
        if case .granted(let userID, let loginTime) = device.outcome {
            if let refusal = Self.checkVerifier(form["code_verifier"], device.challenge) { return refusal }
            guard let user = state.user(id: userID), user.enabled else {
                return Self.error(.badRequest, "invalid_grant", "User disabled")
            }
            state.devices[code] = nil
            return try openSession(client, user, device.scope, grant: .device, loginTime: loginTime)
        }
        if case .denied = device.outcome {
            return Self.error(.badRequest, "access_denied", "The end user denied the authorization request")
        }
        let isTooFast = device.lastPoll.map { now - $0 < RealmSeed.devicePollInterval } ?? false
        device.lastPoll = now
        state.devices[code] = device
        return isTooFast
            ? Self.error(.badRequest, "slow_down", "Slow down")
            : Self.error(.badRequest, "authorization_pending", "The authorization request is still pending")
    }

    /// RFC 7636 §4.6.
    private static func checkVerifier(_ verifier: String?, _ challenge: String?) -> Response? {
        switch (verifier, challenge) {
        case (nil, nil): return nil
        case (nil, _?): return error(.badRequest, "invalid_grant", "PKCE code verifier not specified")
        case (_?, nil):
            return error(
                .badRequest, "invalid_grant", "PKCE code verifier specified but challenge not present in authorization")
        case (let verifier?, let challenge?):
            let hashed = Base64URL.encode(SHA256.hash(Array(verifier.utf8)))
            return hashed == challenge
                ? nil : error(.badRequest, "invalid_grant", "PKCE verification failed: Code mismatch")
        }
    }

    // MARK: Sessions

    private mutating func openSession(
        _ client: RealmClient, _ user: RealmUser, _ scope: [String], grant: TokenMint.Grant, loginTime: Int? = nil
    ) throws -> Response {
        let session = Session(
            id: Identifiers.session(), userID: user.id, clientID: client.id,
            isOffline: scope.contains("offline_access"), scope: scope, issuer: issuer, authTime: loginTime, nonce: nil,
            isDevice: grant == .device)
        state.sessions[session.id] = session
        return .json(JSONValue.object(try mint.tokens(session, client, user, grant: grant)).encoded())
    }

    /// The scope that is granted: what is asked for and what every client has.
    func scope(of text: String?) -> Result<[String], ClientRefusal> {
        let asked = (text ?? "").split(separator: " ").map(String.init)
        let known: Set<String> = [
            "openid", "profile", "email", "roles", "web-origins", "basic", "acr", "offline_access", "service_account",
        ]
        guard asked.allSatisfy(known.contains) else {
            return .failure(
                ClientRefusal(response: Self.error(.badRequest, "invalid_scope", "Invalid scopes: \(text ?? "")")))
        }
        var scope = asked.contains("openid") ? ["openid"] : []
        scope += ["email", "profile"]
        if asked.contains("offline_access") { scope.append("offline_access") }
        return .success(scope)
    }

    /// `admin-cli` of realm `master`: the server's administrator.
    mutating func adminLogin() -> Response {
        guard form["client_id"] == "admin-cli", form["username"] == "admin", form["password"] == "admin" else {
            return Self.uncached(Self.error(.unauthorized, "invalid_grant", "Invalid user credentials"))
        }
        let claims: JSONObject = [
            "exp": .int(now + 60), "iat": .int(now), "jti": .string("onltro:\(Identifiers.uuid())"),
            "iss": .string("\(origin)/realms/master"), "typ": "Bearer", "azp": "admin-cli",
            "sid": .string(Identifiers.session()), "scope": "email profile",
        ]
        guard let token = try? mint.sign(claims, "RS256", type: "JWT") else {
            return Self.error(.internalServerError, "unknown_error")
        }
        state.adminTokens.insert(token)
        let answer: JSONValue = [
            "access_token": .string(token), "expires_in": 60, "refresh_expires_in": 0, "token_type": "Bearer",
            "not-before-policy": 0, "scope": "email profile",
        ]
        return Self.uncached(.json(answer.encoded()))
    }
}
