/// A language of the portal.
package enum PortalLocale: String, Sendable, CaseIterable {
    case en, de, fr, es

    /// The name of the language in itself.
    var name: String {
        switch self {
        case .en: "English"
        case .de: "Deutsch"
        case .fr: "Français"
        case .es: "Español"
        }
    }

    /// The language that a request asks for: the switch's choice first, then the best of `Accept-Language` (RFC 9110 §12.5.4),
    /// else English. `de-AT` is German. What cannot be read is passed over.
    package init(chosen: String?, acceptLanguage: String?) {
        if let chosen, let locale = PortalLocale(rawValue: chosen) {
            self = locale
            return
        }
        var best: (locale: PortalLocale, weight: Int)?
        for range in (acceptLanguage ?? "").utf8.prefix(1024).split(separator: 0x2C).prefix(32) {
            guard let (tag, weight) = Self.range(Substring(range)), weight > (best?.weight ?? 0) else { continue }
            if let locale = PortalLocale(rawValue: tag) { best = (locale, weight) }
        }
        self = best?.locale ?? .en
    }

    /// The primary language of one range, in lower case, and its weight in thousandths.
    private static func range(_ text: Substring) -> (tag: String, weight: Int)? {
        let parts = text.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" }.lowercased() }
        guard let tag = parts.first?.split(separator: "-").first else { return nil }
        var weight = 1000
        for part in parts.dropFirst() where part.hasPrefix("q=") {
            guard let read = thousandths(part.dropFirst(2)) else { return nil }
            weight = read
        }
        return (String(tag), weight)
    }

    /// `0.8` as 800; nil for what is no weight (RFC 9110 §12.4.2).
    private static func thousandths(_ text: Substring) -> Int? {
        let bytes = Array(text.utf8)
        guard let first = bytes.first, first == 0x30 || first == 0x31, bytes.count <= 5 else { return nil }
        if bytes.count > 1, bytes[1] != 0x2E { return nil }
        var value = first == 0x31 ? 1000 : 0
        var place = 100
        for byte in bytes.dropFirst(2) {
            guard (0x30...0x39).contains(byte) else { return nil }
            value += Int(byte - 0x30) * place
            place /= 10
        }
        return value <= 1000 ? value : nil
    }
}
