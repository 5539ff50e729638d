/// Where browsers reach the portal, and what follows from that for its cookies.
package struct PortalSite: Sendable {
    /// Scheme, host and port, as browsers name them in `Origin`.
    package let origin: String
    /// Cookies are for https alone. False over plain http on loopback, and nowhere else.
    let isSecure: Bool
    let sessionCookie: String
    /// One for each sign-in that one browser has under way.
    let flowCookies: [String]
    let languageCookie = "lang"

    /// More tabs than this that sign in at once would make the `Cookie` field large.
    private static let flowsMax = 4

    /// - Parameter url: an origin without a path: http or https, a host in lower case, and a port that is not the scheme's own.
    package init(url: String) {
        origin = url
        isSecure = url.hasPrefix("https://")
        // A cookie of this prefix is of this host alone, and no other host or plain http can have set it (RFC 6265bis §4.1.3.2).
        let prefix = isSecure ? "__Host-" : ""
        sessionCookie = prefix + "mlaas"
        flowCookies = (0..<Self.flowsMax).map { "\(prefix)mlaas-login-\($0)" }
    }

    var callbackURL: String { origin + "/callback" }

    /// The value of a `Set-Cookie` field. Lax, not Strict: the browser comes back from Keycloak, and from links in mails, by a
    /// navigation that another site began. What changes anything needs a CSRF token and the same origin besides.
    /// - Parameter seconds: how long it is kept; nil until the browser is closed.
    func setCookie(_ name: String, _ value: String, seconds: Int? = nil, isForScripts: Bool = false) -> String {
        var text = "\(name)=\(value); Path=/; SameSite=Lax"
        if !isForScripts { text += "; HttpOnly" }
        if isSecure { text += "; Secure" }
        if let seconds { text += "; Max-Age=\(seconds)" }
        return text
    }

    /// The same for a cookie that is to go.
    func removeCookie(_ name: String) -> String { setCookie(name, "", seconds: 0) }
}
