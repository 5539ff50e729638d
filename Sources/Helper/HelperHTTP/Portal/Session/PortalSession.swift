import Crypto
import HelperCore
import JSON

/// Who is signed in to the portal: what a verified token said of them and nothing of the token itself. Times are seconds since
/// 1970.
final class PortalSession: Sendable, Equatable {
    let caller: Caller
    /// Cannot be guessed, and stays the same when the session is renewed.
    let id: String
    /// Keycloak's session (`sid`), where the ID token named one.
    let login: String?
    let issuedAt: Int
    /// From then on it must be renewed.
    let expiresAt: Int
    /// When its owner signed in.
    let signedInAt: Int

    init(caller: Caller, id: String, login: String?, issuedAt: Int, expiresAt: Int, signedInAt: Int) {
        self.caller = caller
        self.id = id
        self.login = login
        self.issuedAt = issuedAt
        self.expiresAt = expiresAt
        self.signedInAt = signedInAt
    }

    /// Stands in every form of this session, and cannot be made without its id.
    var csrfToken: String {
        Base64URL.encode(HMACCode.sha256(key: Array(id.utf8), message: Array("mlaas portal form".utf8)))
    }

    func accepts(csrfToken token: String) -> Bool {
        constantTimeEqual(Array(token.utf8), Array(csrfToken.utf8))
    }

    /// Names this session, its login at Keycloak, and all sessions of its owner: an end of any of them ends it.
    var marks: [OwnerMark] {
        var marks = [Self.mark(session: id), caller.ownerMark]
        if let login { marks.append(Self.mark(login: login, issuer: caller.issuer)) }
        return marks
    }

    static func mark(session id: String) -> OwnerMark { OwnerMark(issuer: "portal session", subject: id) }

    /// A blank is in no URL, so that no person's mark is the same.
    static func mark(login: String, issuer: String) -> OwnerMark {
        OwnerMark(issuer: "login at \(issuer)", subject: login)
    }

    // MARK: In the cookie

    func encoded() -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        func write(_ name: String, _ text: String?) {
            guard let text else { return }
            writer.name(name)
            writer.string(text)
        }
        func write(_ name: String, _ number: Int) {
            writer.name(name)
            writer.int(number)
        }
        write("id", id)
        write("sid", login)
        write("iss", caller.issuer)
        write("sub", caller.subject)
        write("name", caller.username)
        write("email", caller.email)
        if caller.isEmailVerified {
            writer.name("verified")
            writer.bool(true)
        }
        if !caller.roles.isEmpty {
            writer.name("roles")
            writer.beginArray()
            for role in caller.roles.map(\.description).sorted() { writer.string(role) }
            writer.endArray()
        }
        write("iat", issuedAt)
        write("exp", expiresAt)
        write("in", signedInAt)
        writer.endObject()
        return writer.bytes
    }

    private static let limits = JSONLimits(maxDepth: 4, maxBytes: SealedCookie.textBytesMax, maxValues: 1_000)
    private static let times = 0...(1 << 53)

    /// - Returns: nil for what another version of the helper may have written.
    init?(_ bytes: [UInt8]) {
        guard let value = try? JSONValue(parsing: bytes, limits: Self.limits), let id = value["id"]?.string,
            !id.isEmpty,
            let issuer = value["iss"]?.string, let subject = value["sub"]?.string, let name = value["name"]?.string,
            let issuedAt = value["iat"]?.int(in: Self.times), let expiresAt = value["exp"]?.int(in: Self.times),
            let signedInAt = value["in"]?.int(in: Self.times)
        else { return nil }
        caller = Caller(
            issuer: issuer, subject: subject, username: name, email: value["email"]?.string,
            isEmailVerified: value["verified"]?.bool == true,
            roles: Set((value["roles"]?.array ?? []).compactMap(\.string).map { ExactName($0) }))
        self.id = id
        login = value["sid"]?.string
        self.issuedAt = issuedAt
        self.expiresAt = expiresAt
        self.signedInAt = signedInAt
    }

    static func == (left: PortalSession, right: PortalSession) -> Bool {
        left.caller == right.caller && left.id == right.id && left.login == right.login
            && left.issuedAt == right.issuedAt && left.expiresAt == right.expiresAt
            && left.signedInAt == right.signedInAt
    }
}

/// What a request's session cookie says.
enum SessionReading: Sendable {
    /// There is none that is ours and still good for anything.
    case none
    case active(PortalSession)
    /// It must be renewed before it is good for anything else.
    case expired(PortalSession)
    /// Its owner signed out, here or at Keycloak.
    case ended
}
