import Bytes

/// The URL of a proxy, in the form that every reader of URLs understands.
///
/// People write passwords as they are. libcurl refuses one with `@`, `#`, `/` or `?` in it, with a message that repeats the
/// URL, so user and password are found by the last `@` and percent-encoded.
struct ProxyURL {
    struct Problem: Error, CustomStringConvertible {
        let description: String
    }

    private static let ports = ["http": 80, "https": 443, "socks5": 1_080, "socks5h": 1_080]
    private static let expected = "expected a proxy with its port, such as http://proxy.example.com:3128"

    let url: String
    /// Without user and password.
    let shown: String

    init(_ text: String) throws(Problem) {
        let end = text.firstRange(of: "://")
        let scheme = end.map { text[..<$0.lowerBound].lowercased() }
        guard let usual = Self.ports[scheme ?? "http"] else { throw Problem(description: Self.expected) }
        var rest = text[(end?.upperBound ?? text.startIndex)...]
        var credentials = ""
        if let at = rest.lastIndex(of: "@") {
            credentials = Self.encode(rest[..<at]) + "@"
            rest = rest[rest.index(after: at)...]
        }
        if rest.hasSuffix("/") { rest.removeLast() }
        var host = rest
        var port = rest[rest.endIndex...]
        if let colon = rest.lastIndex(of: ":"), !rest.hasSuffix("]") {
            host = rest[..<colon]
            port = rest[rest.index(after: colon)...]
        }
        // `foo` alone is more often a slip than a proxy.
        let number = port.isEmpty && port.startIndex == rest.endIndex && scheme != nil ? usual : Int(port)
        guard let number, (1...65_535).contains(number), HostText.isHost(host) else {
            throw Problem(description: Self.expected)
        }
        let tail = "\(host.lowercased()):\(number)"
        url = "\(scheme ?? "http")://\(credentials)\(tail)"
        shown = "\(scheme ?? "http")://\(credentials.isEmpty ? "" : "<redacted>@")\(tail)"
    }

    /// Encoded bytes stay as they are; the first colon divides user and password.
    private static func encode(_ text: Substring) -> String {
        let bytes = Array(text.utf8)
        var result: [UInt8] = []
        var divided = false
        for (index, byte) in bytes.enumerated() {
            let isEscape =
                byte == UInt8(ascii: "%") && index + 2 < bytes.count && Hex.value(bytes[index + 1]) != nil
                && Hex.value(bytes[index + 2]) != nil
            let isDivider = byte == UInt8(ascii: ":") && !divided
            if isDivider { divided = true }
            if isEscape || isDivider || HostText.isUnreserved(byte) {
                result.append(byte)
            } else {
                result += [UInt8(ascii: "%")] + [byte >> 4, byte & 15].map { Array("0123456789ABCDEF".utf8)[Int($0)] }
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}

/// Host names and numeric addresses, as text.
package enum HostText {
    /// Whether a text is a host name, an IPv4 address, or an IPv6 address in brackets.
    package static func isHost(_ text: some StringProtocol) -> Bool {
        if text.hasPrefix("["), text.hasSuffix("]") { return isIPv6(text.dropFirst().dropLast()) }
        // A dot at the end makes a name absolute.
        let name = text.hasSuffix(".") ? text.dropLast() : text[...]
        return !name.isEmpty && name.utf8.count <= 253
            && name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
                !label.isEmpty && label.utf8.count <= 63 && label.first != "-" && label.last != "-"
                    && label.utf8.allSatisfy { isUnreserved($0) && $0 != UInt8(ascii: "~") }
            }
    }

    /// Whether a text is an IPv6 address, perhaps with a zone behind it.
    package static func isIPv6(_ text: some StringProtocol) -> Bool {
        let parts = text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = parts.first else { return false }
        return parts.dropFirst().allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy(isUnreserved) }
            && IPAddress.isIPv6(Array(address.utf8).span)
    }

    static func isUnreserved(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            || [UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~")].contains(byte)
    }
}
