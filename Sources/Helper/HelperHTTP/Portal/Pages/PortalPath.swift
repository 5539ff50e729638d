import HTTP

/// Paths of the portal, written once for its links and its routes.
///
/// | Path | Answers |
/// | --- | --- |
/// | `/`, `/keys`, `/keys/{id}`, `/me`, `/terminal`, `/services/{system_name}` | `GET`: a page |
/// | `/services/{system_name}/key` | `GET`: confirm "get a key" (`?plan_id=`); `POST`: do it, then redirect to the key |
/// | `/keys/{id}/rotate`, `/pause`, `/resume`, `/revoke`, `/plan`, `/edit` | `GET`: confirm; `POST`: do it, then redirect with `?done=` |
/// | `/keys/{id}/reveal` | `POST`: the key's page with its secret; with `view=service` the service's page |
/// | `/keys/{id}/test` | `POST`: the key's page with the verdict |
/// | `/login`, `/logout` | `GET` with `?return=`; `POST` |
/// | `/assets/{name}` | `GET`: a file of the pages |
///
/// `?lang=` on any page chooses a language and is kept in the cookie `lang`. Every form that is posted has `csrf`.
enum PortalPath {
    static let home = "/"
    static let keys = "/keys"
    static let me = "/me"
    static let terminal = "/terminal"
    static let login = "/login"
    /// Keycloak asks who signs in, even where it has a session.
    static let loginAsOther = "/login?as=other"
    static let logout = "/logout"

    /// The last part of the path of an action on a key.
    enum KeyAction: String, Sendable, CaseIterable { case rotate, pause, resume, revoke, plan, edit, reveal, test }

    static func service(_ systemName: String) -> String { "/services/" + encoded(systemName) }
    static func getKey(_ systemName: String) -> String { service(systemName) + "/key" }
    static func key(_ id: String) -> String { "/keys/" + encoded(id) }
    static func key(_ id: String, _ action: KeyAction) -> String { key(id) + "/" + action.rawValue }

    /// Text as one segment of a path, or as a value of a query: everything but unreserved characters is percent-encoded
    /// (RFC 3986 §2.3).
    static func encoded(_ text: String) -> String {
        // "." and ".." would be taken for steps of the path.
        if text.utf8.allSatisfy({ $0 == 0x2E }) { return String(repeating: "%2E", count: text.utf8.count) }
        return PercentEncoding.encode(text)
    }
}
