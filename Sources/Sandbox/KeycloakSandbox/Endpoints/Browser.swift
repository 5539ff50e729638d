import HTTP
import HTTPServer
import JSON
import SandboxSupport

extension Exchange {
    private static let cookie = "KEYCLOAK_IDENTITY"
    private static let codeLifetime = 60

    private var base: String { "\(origin)/realms/\(RealmSeed.realm)" }

    /// The user whose browser this is.
    private var browserUser: RealmUser? {
        for field in request.head.values(of: "cookie") {
            for pair in field.split(separator: ";") {
                let halves = pair.drop { $0 == " " }.split(separator: "=", maxSplits: 1)
                guard halves.count == 2, halves[0] == Self.cookie else { continue }
                if let user = state.browsers[String(halves[1])].flatMap(state.user(id:)), user.enabled { return user }
            }
        }
        return nil
    }

    private static func redirect(_ url: String) -> Response {
        Response(
            status: .found,
            fields: HTTPFields([("location", url), ("cache-control", "no-store, must-revalidate, max-age=0")]))
    }

    private static func append(_ pairs: [(String, String)], to url: String) -> String {
        let query = pairs.map { "\($0.0)=\(PercentEncoding.encode($0.1).replacingSpaces)" }.joined(separator: "&")
        return url + (url.contains("?") ? "&" : "?") + query
    }

    // MARK: Authorization code (RFC 6749 §4.1, RFC 7636, RFC 9207)

    /// `/protocol/openid-connect/auth`.
    mutating func authorize() -> Response {
        let fields = request.method == .post ? form : query
        guard let client = fields["client_id"].flatMap(state.client), client.allowsCode else {
            return Pages.message("We are sorry...", "Client not found.", status: .badRequest)
        }
        guard let redirect = fields["redirect_uri"], client.allows(redirect: redirect) else {
            return Pages.message("We are sorry...", "Invalid parameter: redirect_uri", status: .badRequest)
        }
        func refuse(_ error: String, _ description: String?) -> Response {
            var pairs = [("error", error)]
            if let description { pairs.append(("error_description", description)) }
            if let state = fields["state"] { pairs.append(("state", state)) }
            return Self.redirect(Self.append(pairs + [("iss", issuer)], to: redirect))
        }
        guard fields["response_type"] == "code" else { return refuse("unsupported_response_type", nil) }
        if client.requiresPKCE, fields["code_challenge_method"] == nil {
            return refuse("invalid_request", "Missing parameter: code_challenge_method")
        }
        if client.requiresPKCE, fields["code_challenge_method"] != "S256" || fields["code_challenge"] == nil {
            return refuse("invalid_request", "Invalid parameter: code challenge method is not configured one")
        }
        if let user = browserUser, fields["prompt"] != "login" { return finishLogin(fields, client, user) }
        if fields["prompt"] == "none" { return refuse("login_required", nil) }
        let action = "\(base)/login-actions/authenticate?" + (request.query ?? "")
        return Pages.login(action: action)
    }

    /// The login page's form: the authorization request travels in the query.
    mutating func postLogin() -> Response {
        let action = "\(base)/login-actions/authenticate?" + (request.query ?? "")
        guard let user = form["username"].flatMap(state.user(name:)), let expected = user.password, user.enabled,
            form["password"] == expected
        else { return Pages.login(action: action, error: "Invalid username or password.") }
        let cookie = Identifiers.code()
        state.browsers[cookie] = user.id
        var response: Response
        if let code = query["device_user_code"] {
            response = Pages.consent(action: "\(base)/login-actions/consent", code: code, client: "the device")
        } else if let client = query["client_id"].flatMap(state.client) {
            response = finishLogin(query, client, user)
        } else {
            return Pages.message("We are sorry...", "Client not found.", status: .badRequest)
        }
        response.fields.append(
            "set-cookie",
            "\(Self.cookie)=\(cookie);Version=1;Path=/realms/\(RealmSeed.realm)/;Secure;HttpOnly;SameSite=None")
        return response
    }

    private mutating func finishLogin(_ fields: FormFields, _ client: RealmClient, _ user: RealmUser) -> Response {
        guard let redirect = fields["redirect_uri"], client.allows(redirect: redirect) else {
            return Pages.message("We are sorry...", "Invalid parameter: redirect_uri", status: .badRequest)
        }
        guard case .success(let scope) = scope(of: fields["scope"]) else {
            return Self.redirect(Self.append([("error", "invalid_scope"), ("iss", issuer)], to: redirect))
        }
        let session = Session(
            id: Identifiers.session(), userID: user.id, clientID: client.id,
            isOffline: scope.contains("offline_access"), scope: scope, issuer: issuer, authTime: now,
            nonce: fields["nonce"])
        let code = "\(Identifiers.uuid()).\(session.id).\(Identifiers.uuid())"
        state.codes[code] = PendingCode(
            clientID: client.id, redirectURI: redirect, challenge: fields["code_challenge"], session: session,
            expiresAt: now + Self.codeLifetime)
        var pairs: [(String, String)] = []
        if let state = fields["state"] { pairs.append(("state", state)) }
        pairs += [("session_state", session.id), ("iss", issuer), ("code", code)]
        return Self.redirect(Self.append(pairs, to: redirect))
    }

    // MARK: Device grant (RFC 8628)

    /// `/protocol/openid-connect/auth/device`.
    mutating func startDevice() -> Response {
        let client: RealmClient
        do throws(ClientRefusal) { client = try authenticateClient() } catch { return Self.uncached(error.response) }
        guard client.allowsDevice else {
            return Self.uncached(
                Self.error(
                    .badRequest, "unauthorized_client",
                    "Client is not allowed to initiate OAuth 2.0 Device Authorization Grant. The flow is disabled for the client."
                ))
        }
        if client.requiresPKCE, form["code_challenge_method"] == nil {
            return Self.uncached(Self.error(.badRequest, "invalid_request", "Missing parameter: code_challenge_method"))
        }
        guard case .success(let scope) = scope(of: form["scope"]) else {
            return Self.uncached(Self.error(.badRequest, "invalid_scope", "Invalid scopes: \(form["scope"] ?? "")"))
        }
        let code = Identifiers.code()
        let userCode = Identifiers.userCode()
        state.devices[code] = DeviceRequest(
            clientID: client.id, userCode: userCode, scope: scope, challenge: form["code_challenge"],
            expiresAt: now + RealmSeed.deviceCodeLifetime)
        let answer: JSONValue = [
            "device_code": .string(code), "user_code": .string(userCode), "verification_uri": .string("\(base)/device"),
            "verification_uri_complete": .string("\(base)/device?user_code=\(userCode)"),
            "expires_in": .int(RealmSeed.deviceCodeLifetime), "interval": .int(RealmSeed.devicePollInterval),
        ]
        return Self.uncached(.json(answer.encoded()))
    }

    /// `/realms/{realm}/device`: the page a person opens.
    mutating func deviceEntry() -> Response {
        guard let userCode = query["user_code"] ?? form["device_user_code"] ?? form["user_code"] else {
            return Pages.device(action: "\(base)/device")
        }
        guard let device = state.devices.values.first(where: { $0.userCode == userCode && $0.expiresAt > now }) else {
            return Pages.message("Device login", "The code is not valid.", status: .badRequest)
        }
        if browserUser != nil {
            return Pages.consent(action: "\(base)/login-actions/consent", code: userCode, client: device.clientID)
        }
        return Pages.login(action: "\(base)/login-actions/authenticate?device_user_code=\(userCode)")
    }

    /// The consent page's form.
    mutating func postConsent() -> Response {
        guard let user = browserUser, let code = form["code"],
            let key = state.devices.first(where: { $0.value.userCode == code })?.key
        else { return Pages.message("We are sorry...", "Login first.", status: .badRequest) }
        state.devices[key]?.outcome = form["accept"] != nil ? .granted(userID: user.id, at: now) : .denied
        return Self.redirect("\(base)/device/status")
    }

    // MARK: Logout

    /// `/protocol/openid-connect/logout`: with a refresh token by a client, or by a browser (RP-Initiated Logout 1.0).
    mutating func logout() -> Response {
        if request.method == .post, form["refresh_token"] != nil {
            do throws(ClientRefusal) { _ = try authenticateClient() } catch { return error.response }
            guard let claims = form["refresh_token"].flatMap({ mint.read($0) }) else {
                return Self.error(.badRequest, "invalid_grant", "Invalid refresh token")
            }
            if let id = claims["sid"]?.string { state.sessions[id]?.isAlive = false }
            return Response(status: .noContent)
        }
        let fields = request.method == .post ? form : query
        let target = fields["post_logout_redirect_uri"]
        if fields["id_token_hint"] == nil, let target, let client = fields["client_id"].flatMap(state.client) {
            guard client.allows(redirect: target) else {
                return Pages.message("We are sorry...", "Invalid redirect uri", status: .badRequest)
            }
            // Without proof of whose session it is, Keycloak asks the person first, unless there is no session.
            return browserUser == nil
                ? Self.redirect(target) : Pages.logout(action: "\(base)/login-actions/logout-confirm", target: target)
        }
        guard let claims = fields["id_token_hint"].flatMap({ mint.read($0) }), claims["typ"]?.string == "ID",
            let client = claims["azp"]?.string.flatMap(state.client)
        else {
            return target == nil
                ? Pages.message("Logging out", "Do you want to log out?")
                : Pages.message("We are sorry...", "Missing parameters: id_token_hint", status: .badRequest)
        }
        if let id = claims["sid"]?.string { state.sessions[id]?.isAlive = false }
        if let user = claims["sub"]?.string { state.browsers = state.browsers.filter { $0.value != user } }
        guard let target else { return Pages.message("You are logged out", "You are logged out.") }
        guard client.allows(redirect: target) else {
            return Pages.message("We are sorry...", "Invalid redirect uri", status: .badRequest)
        }
        return Self.redirect(fields["state"].map { Self.append([("state", $0)], to: target) } ?? target)
    }

    /// The form of the page that asks whether to log out.
    mutating func postLogout() -> Response {
        guard let target = form["target"], state.clients.contains(where: { $0.allows(redirect: target) }) else {
            return Pages.message("We are sorry...", "Invalid redirect uri", status: .badRequest)
        }
        if let user = browserUser {
            state.browsers = state.browsers.filter { $0.value != user.id }
            for (id, session) in state.sessions where session.userID == user.id && !session.isOffline {
                state.sessions[id]?.isAlive = false
            }
        }
        return Self.redirect(target)
    }
}

extension String {
    /// `+` for an encoded space, as Keycloak writes queries.
    fileprivate var replacingSpaces: String {
        var text = ""
        var rest = self[...]
        while !rest.isEmpty {
            if rest.hasPrefix("%20") {
                text += "+"
                rest = rest.dropFirst(3)
            } else {
                text.append(rest.removeFirst())
            }
        }
        return text
    }
}
