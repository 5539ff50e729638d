import Bytes

/// Removes URLs and credentials from libcurl's messages before they reach a log. libcurl quotes the whole URL of a proxy that
/// it cannot parse, and takes a part of a password for a host name when the password holds `@`, `/`, `#` or `?`.
enum URLRedaction {
    /// Shorter parts of a password would also match ordinary words.
    private static let partMin = 3

    /// The user information of a URL: what stands between `://` and the last `@`. Nil when there is none.
    static func credentials(_ url: String) -> String? {
        guard let at = url.lastIndex(of: "@") else { return nil }
        var start = url.startIndex
        if let colon = url.firstIndex(of: ":"), url[colon...].hasPrefix("://"), colon < at {
            start = url.index(colon, offsetBy: 3)
        }
        return start < at ? String(url[start..<at]) : nil
    }

    /// The message without any URL. Empty when a part of the credentials is left in it.
    static func redact(_ message: String, credentials: String?) -> String {
        let message = withoutURLs(message)
        guard let credentials else { return message }
        // By scalars and bytes: a mark that combines with a character hides it from `Character`, and from no reader.
        let leaks = credentials.unicodeScalars.split { "@/:#?".unicodeScalars.contains($0) }
            .contains { $0.count >= partMin && message.containsBytes(of: String($0)) }
        return leaks ? "" : message
    }

    /// A quoted URL ends at the last quote, since a password may hold one; another URL ends at a blank.
    private static func withoutURLs(_ message: String) -> String {
        guard let colon = message.firstIndex(of: ":"), let slashes = firstSlashes(message, from: colon) else {
            return message
        }
        var start = slashes
        while start > message.startIndex, message[message.index(before: start)].isLetter {
            start = message.index(before: start)
        }
        let isQuoted = start > message.startIndex && "'\"".contains(message[message.index(before: start)])
        let quote = message.lastIndex { "'\"".contains($0) }
        let blank = message[slashes...].firstIndex(of: " ") ?? message.endIndex
        var end = blank
        if isQuoted { end = quote.flatMap { $0 > slashes ? $0 : nil } ?? message.endIndex }
        return message[..<start] + "(URL)" + withoutURLs(String(message[end...]))
    }

    private static func firstSlashes(_ message: String, from colon: String.Index) -> String.Index? {
        var rest = message[colon...]
        while let colon = rest.firstIndex(of: ":") {
            if rest[colon...].hasPrefix("://") { return colon }
            rest = rest[rest.index(after: colon)...]
        }
        return nil
    }
}
