import Crypto
import HTTP
package import HTTPServer
import JSON
package import SandboxSupport
import Synchronization

/// An imitated Keycloak 26 with one realm, `mlaas`, in memory: discovery, keys, tokens by five grants, userinfo,
/// introspection, revocation, logout, a login page, and the parts of the admin API that clients of such a realm use.
///
/// Passwords are `NAME-password`, client secrets `CLIENT-secret`; the server's administrator is `admin` with password
/// `admin` in realm `master`.
package final class KeycloakSandbox: Responder {
    let state: Mutex<KeycloakState>
    let clock: SandboxClock

    package init(clock: SandboxClock = SandboxClock()) throws {
        state = Mutex(try KeycloakState())
        self.clock = clock
    }

    // MARK: Control

    /// Makes a new signing key, which is used from now on.
    /// - Returns: its id.
    @discardableResult
    package func rotateKeys() throws -> String { try state.withLock { try $0.keys.rotate() } }

    /// Withdraws the signing key of that id, or all but the newest.
    package func removeKeys(_ id: String? = nil) { state.withLock { $0.keys.remove(id) } }

    package func setEnabled(_ username: String, _ enabled: Bool) -> Bool {
        state.withLock { state in
            guard let index = state.users.firstIndex(where: { $0.username == username }) else { return false }
            state.users[index].enabled = enabled
            return true
        }
    }

    /// Gives a person another name; id and password stay. False where there is no such person or the name is taken.
    package func rename(_ username: String, to name: String) -> Bool {
        state.withLock { state in
            guard !name.isEmpty, state.user(name: name) == nil,
                let index = state.users.firstIndex(where: { $0.username == username })
            else { return false }
            state.users[index].username = name.lowercased()
            return true
        }
    }

    /// Makes the issuer independent of the host name that is asked; nil makes it follow again.
    package func setIssuer(_ issuer: String?) { state.withLock { $0.fixedIssuer = issuer } }

    /// Makes a refresh token good for one use only, as a realm with "Revoke Refresh Token" does.
    package func setRotation(_ rotates: Bool) {
        state.withLock { state in
            state.rotatesRefreshTokens = rotates
            state.spentRefreshTokens = []
        }
    }

    /// Adds a person with role `ml-users`, unless the name is taken. The name is kept in lower case, the password is `NAME-password`.
    package func addUser(_ username: String) {
        state.withLock { state in
            guard state.user(name: username) == nil else { return }
            state.users.append(RealmSeed.person(username.lowercased(), username, "Example", roles: ["ml-users"]))
        }
    }

    /// The client that a valid access token was issued to. As APIcast does, it reads the token alone: a revoked one is accepted until it expires.
    package func client(ofToken token: String) -> String? {
        state.withLock { state in
            let claims = TokenMint(state: state, now: clock.now).read(token)
            return claims?["typ"]?.string == "Bearer" ? claims?["azp"]?.string : nil
        }
    }

    // MARK: Requests

    package func respond(to request: Request) -> Answer {
        var response = state.withLock { state in
            var exchange = Exchange(request: request, now: clock.now, state: state)
            let response = exchange.respond()
            state = exchange.state
            return response
        }
        for (name, value) in Self.securityFields where response.fields[name] == nil { response.fields[name] = value }
        return .now(response)
    }

    private static let securityFields = [
        ("referrer-policy", "no-referrer"), ("strict-transport-security", "max-age=31536000; includeSubDomains"),
        ("x-content-type-options", "nosniff"), ("x-frame-options", "SAMEORIGIN"), ("x-robots-tag", "none"),
    ]
}

/// One request and the state it changes.
struct Exchange {
    let request: Request
    let now: Int
    var state: KeycloakState
    let query: FormFields
    let form: FormFields

    init(request: Request, now: Int, state: KeycloakState) {
        self.request = request
        self.now = now
        self.state = state
        query = FormFields(decoding: request.query ?? "")
        let isForm =
            request.head.value(of: .contentType)?.lowercased().hasPrefix("application/x-www-form-urlencoded") == true
        form = isForm ? FormFields(decoding: String(decoding: request.body, as: UTF8.self)) : FormFields()
    }

    var mint: TokenMint { TokenMint(state: state, now: now) }

    /// `http://host` of the request.
    var origin: String { "http://\(request.head.value(of: .host) ?? "localhost")" }
    var issuer: String { state.fixedIssuer ?? "\(origin)/realms/\(RealmSeed.realm)" }

    // MARK: Dispatch

    mutating func respond() -> Response {
        let path = request.path
        if path.contains("//") || path.split(separator: "/").contains(where: { $0 == ".." || $0 == "." }) {
            return Self.error(.badRequest, "missingNormalization", "Request path not normalized")
        }
        if path.contains(";") {
            return Self.error(.badRequest, "invalidCharacter", "Request path contains invalid character ';'")
        }
        let segments = path.split(separator: "/").map { PercentEncoding.decode($0.utf8) ?? String($0) }
        switch segments.first {
        case "realms" where segments.count > 1: return realm(segments[1], Array(segments.dropFirst(2)))
        case "admin" where segments.count > 2 && segments[1] == "realms":
            return segments[2] == RealmSeed.realm
                ? admin(Array(segments.dropFirst(3))) : Self.error(.notFound, "Realm not found.")
        case ".well-known" where segments == [".well-known", "oauth-authorization-server", "realms", RealmSeed.realm]:
            return only(.get) { $0.discovery() }
        default: return Self.error(.notFound, "Unable to find matching target resource method")
        }
    }

    private mutating func realm(_ name: String, _ rest: [String]) -> Response {
        if name == "master", rest == ["protocol", "openid-connect", "token"] { return only(.post) { $0.adminLogin() } }
        guard name == RealmSeed.realm else { return Self.error(.notFound, "Realm does not exist") }
        switch rest {
        case []: return only(.get) { $0.realmInformation() }
        case [".well-known", "openid-configuration"], [".well-known", "oauth-authorization-server"]:
            return only(.get) { $0.discovery() }
        case ["protocol", "openid-connect", "certs"]: return only(.get) { $0.certificates() }
        case ["protocol", "openid-connect", "token"]: return only(.post) { $0.token() }
        case ["protocol", "openid-connect", "token", "introspect"]: return only(.post) { $0.introspect() }
        case ["protocol", "openid-connect", "userinfo"]: return only(.get, .post) { $0.userinfo() }
        case ["protocol", "openid-connect", "revoke"]: return only(.post) { $0.revoke() }
        case ["protocol", "openid-connect", "logout"]: return only(.get, .post) { $0.logout() }
        case ["protocol", "openid-connect", "auth"]: return only(.get, .post) { $0.authorize() }
        case ["protocol", "openid-connect", "auth", "device"]: return only(.post) { $0.startDevice() }
        case ["login-actions", "authenticate"]: return only(.post) { $0.postLogin() }
        case ["login-actions", "logout-confirm"]: return only(.post) { $0.postLogout() }
        case ["login-actions", "consent"]: return only(.post) { $0.postConsent() }
        case ["device"]: return only(.get, .post) { $0.deviceEntry() }
        case ["device", "status"]:
            return only(.get) { _ in
                Pages.message("Device login successful", "You may close this window and go back to your device.")
            }
        default: return Self.error(.notFound, "Unable to find matching target resource method")
        }
    }

    private mutating func only(_ methods: HTTPMethod..., answer: (inout Exchange) -> Response) -> Response {
        let method: HTTPMethod = request.method == .head ? .get : request.method
        guard methods.contains(method) else { return Self.error(.methodNotAllowed, "HTTP 405 Method Not Allowed") }
        return answer(&self)
    }

    // MARK: Answers

    static func error(_ status: HTTPStatus, _ error: String, _ description: String? = nil) -> Response {
        var object = JSONObject([("error", .string(error))])
        if let description { object["error_description"] = .string(description) }
        return .json(JSONValue.object(object).encoded(), status: status)
    }

    static func uncached(_ response: Response) -> Response {
        var response = response
        response.fields["cache-control"] = "no-store"
        response.fields["pragma"] = "no-cache"
        return response
    }
}
