import FoundationEssentials

/// An absolute http or https URL without user and password, read by Foundation and never repaired: what is not a URL of RFC 3986
/// as it stands, or names a port that cannot be, is refused.
///
/// Reading one costs microseconds. Targets and `Host` fields of requests are read by `HTTP`, which works on bytes.
package struct WebURL: Sendable, Equatable {
    package let isSecure: Bool
    /// As it is written; an address of IPv6 has its brackets.
    package let host: String
    /// The scheme's own when none is written.
    package let port: Int
    /// Host and port as they are written.
    package let authority: String
    /// Scheme, host and port as they are written, but for the scheme, which is in lower case.
    package let base: String
    /// What follows the host and the port: path, query and fragment, as they are written. Empty, or begins with one of `/?#`.
    package let rest: String

    package init?(_ text: String) {
        guard let parts = URLComponents(string: text, encodingInvalidCharacters: false),
            let scheme = parts.scheme?.lowercased(), scheme == "http" || scheme == "https",
            let host = parts.encodedHost, !host.isEmpty, parts.port.map({ (1...65_535).contains($0) }) ?? true
        else { return nil }
        isSecure = scheme == "https"
        self.host = host
        port = parts.port ?? (isSecure ? 443 : 80)
        authority = host + (parts.port.map { ":\($0)" } ?? "")
        // User information would stand before the host, and a port that is empty or has zeros before it behind.
        let written = text.dropFirst(scheme.utf8.count + "://".utf8.count)
        guard written.hasPrefix(authority) else { return nil }
        rest = String(written.dropFirst(authority.count))
        guard rest.first.map({ "/?#".contains($0) }) ?? true else { return nil }
        base = "\(scheme)://\(authority)"
    }

    private var usualPort: Int { isSecure ? 443 : 80 }

    /// `base` without the port that the scheme implies.
    package var shortBase: String { port == usualPort ? "\(isSecure ? "https" : "http")://\(host)" : base }

    /// As browsers name it (RFC 6454 §6.2): the host in lower case, and no port that the scheme implies.
    package var origin: String { shortBase.lowercased() }

    /// Without query and fragment.
    package var path: Substring { rest.prefix { $0 != "?" && $0 != "#" } }

    /// Whether its host is this machine under one of its usual names.
    package var isLoopback: Bool { ["localhost", "127.0.0.1", "[::1]"].contains(host.lowercased()) }
}
