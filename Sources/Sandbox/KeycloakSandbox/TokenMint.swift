import Crypto
import JSON

/// Makes tokens as Keycloak 26 does, claim by claim.
struct TokenMint {
    let state: KeycloakState
    let now: Int

    struct Response {
        var json: JSONObject
        let accessToken: String
    }

    /// The letters of `jti`: session kind, token kind, grant.
    enum Grant: String {
        case password = "ro"
        case code = "ac"
        case refresh = "rt"
        case clientCredentials = "cc"
        case device = "dg"
    }

    /// The whole answer of the token endpoint.
    func tokens(_ session: Session, _ client: RealmClient, _ user: RealmUser, grant: Grant) throws(CryptoError)
        -> JSONObject
    {
        let access = try sign(
            accessClaims(session, client, user, grant: grant), client.usesES256 ? "ES256" : "RS256",
            type: client.usesAccessTokenType ? "at+jwt" : "JWT")
        var answer = JSONObject()
        answer["access_token"] = .string(access)
        answer["expires_in"] = .int(RealmSeed.accessTokenLifetime)
        let hasRefresh = grant != .clientCredentials
        answer["refresh_expires_in"] = .int(hasRefresh && !session.isOffline ? RealmSeed.refreshTokenLifetime : 0)
        if hasRefresh { answer["refresh_token"] = .string(refreshToken(session, client, user)) }
        answer["token_type"] = "Bearer"
        if session.scope.contains("openid") {
            answer["id_token"] = .string(
                try sign(idClaims(session, client, user, accessToken: access), "RS256", type: "JWT"))
        }
        answer["not-before-policy"] = 0
        if hasRefresh { answer["session_state"] = .string(session.id) }
        answer["scope"] = .string(session.scope.joined(separator: " "))
        return answer
    }

    // MARK: Claims

    func accessClaims(_ session: Session, _ client: RealmClient, _ user: RealmUser, grant: Grant) -> JSONObject {
        let kind = grant == .clientCredentials ? "tr" : session.isOffline ? "of" : "on"
        let token = client.usesLightweightTokens ? "lt" : "rt"
        var claims = JSONObject()
        claims["exp"] = .int(now + RealmSeed.accessTokenLifetime)
        claims["iat"] = .int(now)
        if let authTime = session.authTime { claims["auth_time"] = .int(authTime) }
        claims["jti"] = .string("\(kind)\(token)\(grant.rawValue):\(Identifiers.uuid())")
        claims["iss"] = .string(session.issuer)
        let isLightweight = client.usesLightweightTokens
        if !isLightweight {
            claims["aud"] = audience(client, user)
            claims["sub"] = .string(user.id)
        }
        claims["typ"] = "Bearer"
        claims["azp"] = .string(client.id)
        if grant != .clientCredentials { claims["sid"] = .string(session.id) }
        if isLightweight {
            claims["scope"] = .string(session.scope.joined(separator: " "))
            return claims
        }
        addFull(to: &claims, session, client, user)
        return claims
    }

    /// What introspection shows and lightweight tokens leave out.
    func addFull(to claims: inout JSONObject, _ session: Session, _ client: RealmClient, _ user: RealmUser) {
        claims["aud"] = claims["aud"] ?? audience(client, user)
        claims["sub"] = .string(user.id)
        claims["acr"] = session.isDevice || session.authTime == nil ? "1" : "0"
        if !client.webOrigins.isEmpty {
            claims["allowed-origins"] = .array(client.webOrigins.map(JSONValue.string))
        }
        claims["realm_access"] = ["roles": .array((RealmSeed.defaultRoles + user.realmRoles).map(JSONValue.string))]
        var access = JSONObject()
        for (client, roles) in user.clientRoles { access[client] = ["roles": .array(roles.map(JSONValue.string))] }
        access["account"] = ["roles": ["manage-account", "manage-account-links", "view-profile"]]
        claims["resource_access"] = .object(access)
        claims["scope"] = .string(session.scope.joined(separator: " "))
        addProfile(to: &claims, client, user)
        addServiceAccount(to: &claims, client, user)
    }

    private func addProfile(to claims: inout JSONObject, _ client: RealmClient, _ user: RealmUser) {
        claims["email_verified"] = .bool(user.emailVerified)
        if let first = user.firstName, let last = user.lastName { claims["name"] = .string("\(first) \(last)") }
        // A mapper without a value writes nothing.
        if client.hasGroupsMapper, !user.groups.isEmpty { claims["groups"] = .array(user.groups.map(JSONValue.string)) }
        claims["preferred_username"] = .string(user.username)
        if let first = user.firstName { claims["given_name"] = .string(first) }
        if let last = user.lastName { claims["family_name"] = .string(last) }
        if let email = user.email { claims["email"] = .string(email) }
    }

    /// Who used a service account, for clients that have the scope of that name.
    private func addServiceAccount(to claims: inout JSONObject, _ client: RealmClient, _ user: RealmUser) {
        guard client.hasServiceAccountScope, user.serviceAccountOf == client.id else { return }
        claims["clientHost"] = "127.0.0.1"
        claims["clientAddress"] = "127.0.0.1"
        claims["client_id"] = .string(client.id)
    }

    /// A text when there is one, as Keycloak writes it.
    private func audience(_ client: RealmClient, _ user: RealmUser) -> JSONValue {
        var audiences = client.hasAudienceMapper ? ["mlaas-client"] : []
        audiences += user.clientRoles.keys.sorted() + ["account"]
        return audiences.count == 1 ? .string(audiences[0]) : .array(audiences.map(JSONValue.string))
    }

    private func idClaims(
        _ session: Session, _ client: RealmClient, _ user: RealmUser, accessToken: String
    ) -> JSONObject {
        var claims = JSONObject()
        claims["exp"] = .int(now + RealmSeed.accessTokenLifetime)
        claims["iat"] = .int(now)
        if let authTime = session.authTime { claims["auth_time"] = .int(authTime) }
        claims["jti"] = .string(Identifiers.uuid())
        claims["iss"] = .string(session.issuer)
        claims["aud"] = .string(client.id)
        claims["sub"] = .string(user.id)
        claims["typ"] = "ID"
        claims["azp"] = .string(client.id)
        if let nonce = session.nonce { claims["nonce"] = .string(nonce) }
        if user.serviceAccountOf == nil { claims["sid"] = .string(session.id) }
        claims["at_hash"] = .string(Base64URL.encode(Array(SHA256.hash(Array(accessToken.utf8)).prefix(16))))
        claims["acr"] = session.isDevice || session.authTime == nil ? "1" : "0"
        addProfile(to: &claims, client, user)
        return claims
    }

    private func refreshToken(_ session: Session, _ client: RealmClient, _ user: RealmUser) -> String {
        var claims = JSONObject()
        if !session.isOffline { claims["exp"] = .int(now + RealmSeed.refreshTokenLifetime) }
        claims["iat"] = .int(now)
        claims["jti"] = .string(Identifiers.uuid())
        claims["iss"] = .string(session.issuer)
        claims["aud"] = .string(session.issuer)
        if !client.usesLightweightTokens { claims["sub"] = .string(user.id) }
        claims["typ"] = session.isOffline ? "Offline" : "Refresh"
        claims["azp"] = .string(client.id)
        claims["sid"] = .string(session.id)
        claims["scope"] = .string((session.scope + ["web-origins", "roles", "acr", "basic"]).joined(separator: " "))
        if !client.usesLightweightTokens { claims["aud_x"] = audience(client, user) }
        claims["prov"] = "default"
        let header: JSONObject = ["alg": "HS512", "typ": "JWT", "kid": .string(state.keys.internalKeyID)]
        let signed = Self.part(header) + "." + Self.part(claims)
        return signed + "."
            + Base64URL.encode(HMACCode.sha512(key: state.keys.internalKey, message: Array(signed.utf8)))
    }

    // MARK: Signing and reading

    private static func part(_ object: JSONObject) -> String { Base64URL.encode(JSONValue.object(object).encoded()) }

    func sign(_ claims: JSONObject, _ algorithm: String, type: String) throws(CryptoError) -> String {
        guard let signer = state.keys.signer(algorithm), let known = SignatureAlgorithm(rawValue: algorithm) else {
            preconditionFailure("Invalid state: no key for \(algorithm)")
        }
        let signed =
            Self.part(["alg": .string(algorithm), "typ": .string(type), "kid": .string(signer.id)]) + "."
            + Self.part(claims)
        return signed + "." + Base64URL.encode(try signer.key.sign(Array(signed.utf8), algorithm: known))
    }

    /// The claims of a token that this realm signed and that has not expired.
    func read(_ token: String) -> JSONObject? {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let header = Base64URL.decode(parts[0].utf8),
            let payload = Base64URL.decode(parts[1].utf8),
            let signature = Base64URL.decode(parts[2].utf8), let head = try? JSONValue(parsing: header),
            let claims = (try? JSONValue(parsing: payload))?.object
        else { return nil }
        let message = Array("\(parts[0]).\(parts[1])".utf8)
        switch head["alg"]?.string {
        case "HS512":
            guard head["kid"]?.string == state.keys.internalKeyID,
                constantTimeEqual(HMACCode.sha512(key: state.keys.internalKey, message: message), signature)
            else { return nil }
        case let name?:
            guard let algorithm = SignatureAlgorithm(rawValue: name), let id = head["kid"]?.string,
                let entry = state.keys.entries.first(where: { $0.id == id }), let key = try? entry.key.publicKey(),
                key.isValidSignature(signature, for: message, algorithm: algorithm)
            else { return nil }
        case nil: return nil
        }
        if let expiry = claims["exp"]?.int, expiry <= now { return nil }
        return claims
    }
}
