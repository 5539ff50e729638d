import Crypto
import JSON

/// A login, or a client's own session.
struct Session: Sendable {
    let id: String
    let userID: String
    let clientID: String
    let isOffline: Bool
    let scope: [String]
    let issuer: String
    let authTime: Int?
    let nonce: String?
    var isDevice = false
    var isAlive = true
}

/// A login that waits for its code to be exchanged.
struct PendingCode: Sendable {
    let clientID: String
    let redirectURI: String
    let challenge: String?
    let session: Session
    let expiresAt: Int
    /// The session it became, so that using it twice ends that.
    var usedBy: String?
}

struct DeviceRequest: Sendable {
    let clientID: String
    let userCode: String
    let scope: [String]
    let challenge: String?
    let expiresAt: Int
    var lastPoll: Int?
    var outcome: Outcome = .pending

    enum Outcome: Sendable { case pending, denied, granted(userID: String, at: Int) }
}

/// Everything the imitated Keycloak remembers.
struct KeycloakState: Sendable {
    var users: [RealmUser] = RealmSeed.users
    let clients: [RealmClient] = RealmSeed.clients
    var keys: KeyRing
    var sessions: [String: Session] = [:]
    var codes: [String: PendingCode] = [:]
    var devices: [String: DeviceRequest] = [:]
    /// Browser sessions by cookie: the user who is logged in.
    var browsers: [String: String] = [:]
    var revokedTokens: Set<String> = []
    /// Tokens of the server's administrator.
    var adminTokens: Set<String> = []
    /// Whether the realm revokes refresh tokens once they are used (its setting "Revoke Refresh Token").
    var rotatesRefreshTokens = false
    /// Names of those that were used while it did.
    var spentRefreshTokens: Set<String> = []
    /// What issuers are called instead of by the request's host.
    var fixedIssuer: String?

    init() throws(CryptoError) { keys = try KeyRing() }

    func client(_ id: String) -> RealmClient? { clients.first { $0.id == id } }
    func user(id: String) -> RealmUser? { users.first { $0.id == id } }
    /// Login names are kept in lower case.
    func user(name: String) -> RealmUser? {
        let name = name.lowercased()
        return users.first { $0.username == name }
    }
}
