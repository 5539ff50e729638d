/// What every text of a configuration goes through before it gets its type, and what of it may be shown.
enum ConfigText {
    /// Without blanks, line ends and byte order marks at both ends. By Unicode scalar: `"\r\n"` is one `Character`.
    static func trim(_ text: some StringProtocol) -> String {
        var scalars = text.unicodeScalars[...]
        while let first = scalars.first, isBlank(first) { scalars.removeFirst() }
        while let last = scalars.last, isBlank(last) { scalars.removeLast() }
        return String(String.UnicodeScalarView(scalars))
    }

    /// Whether a C0 or C1 control character, a line or paragraph separator, or a byte order mark is in the text.
    static func hasControlCharacter(_ text: String) -> Bool {
        text.unicodeScalars.contains { scalar in
            switch scalar.value {
            case 0..<0x20, 0x7F..<0xA0, 0x2028, 0x2029, 0xFEFF: true
            default: false
            }
        }
    }

    /// Whether the text stands in quotes, as `podman --env-file` and YAML within YAML leave them.
    static func isQuoted(_ text: String) -> Bool {
        guard let first = text.unicodeScalars.first, let last = text.unicodeScalars.last,
            text.unicodeScalars.count > 1
        else { return false }
        return [("\"", "\""), ("'", "'"), ("`", "`"), ("“", "”"), ("‘", "’")].contains { $0 == first && $1 == last }
    }

    /// A text that was refused, as a message may show it. What looks like several variables, credentials or a URL is
    /// not shown: a secret that stands in the wrong line would be in it.
    static func refused(_ text: some StringProtocol) -> String {
        let isSafe = !text.unicodeScalars.contains { "=@?#&".unicodeScalars.contains($0) } && !text.contains("://")
        guard isSafe, !hasControlCharacter(String(text)) else { return "a value that is not shown" }
        return "'\(text.prefix(60))'"
    }

    /// A URL without what may be secret: user and password, query, fragment. It is divided by hand, since what is shown here is mostly
    /// no URL that a reader accepts.
    static func redacted(url text: String) -> String {
        let scheme = text.firstRange(of: "://").map { text[..<$0.upperBound] } ?? ""
        var rest = text[scheme.endIndex...]
        var shown = String(scheme)
        // The last one: a password may hold `@`, `/`, `?` and `#`.
        if let at = rest.lastIndex(of: "@") {
            rest = rest[rest.index(after: at)...]
            shown += "<redacted>@"
        }
        let path = rest.prefix { $0 != "?" && $0 != "#" }
        let authority = path.prefix { $0 != "/" }
        // Behind a colon stands a port, or a password whose host is missing.
        let port = authority.lastIndex(of: ":").map { authority[authority.index(after: $0)...] } ?? ""
        guard port.utf8.allSatisfy({ (0x30...0x39).contains($0) }) || authority.hasSuffix("]") else {
            return scheme + "<redacted>"
        }
        return shown + path + (path.endIndex < rest.endIndex ? "\(rest[path.endIndex])<redacted>" : "")
    }

    private static func isBlank(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.isWhitespace || scalar.value == 0xFEFF
    }
}
