/// A page of the portal to go back to after a sign-in: a path of our own, never a URL of another site.
struct ReturnPath: Sendable, Equatable, CustomStringConvertible {
    static let home = ReturnPath(unchecked: "/")

    private static let bytesMax = 1_024
    /// Going back to one of these would start again what has just ended.
    private static let excluded = ["/login", "/callback", "/logout", "/backchannel-logout"]

    let description: String

    private init(unchecked text: String) { description = text }

    /// - Returns: nil for anything but a path with or without a query: browsers take `//host` and `/\host` for another site, and
    ///   drop line ends and tabs before they look.
    init?(_ text: String) {
        let bytes = text.utf8
        guard bytes.count <= Self.bytesMax, bytes.first == UInt8(ascii: "/"),
            bytes.dropFirst().first != UInt8(ascii: "/"),
            bytes.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "\\") && $0 != UInt8(ascii: "#") })
        else { return nil }
        let path = text.prefix { $0 != "?" }
        guard !Self.excluded.contains(where: { path == $0 || path.hasPrefix($0 + "/") }) else { return nil }
        description = text
    }
}
