/// The hops that proxies have written down, in the order of the fields: the client first, the nearest proxy last. A hop that
/// is not an address (`unknown`, a hidden name, anything malformed) is nil.
enum ForwardedChain {
    /// `X-Forwarded-For: client, proxy1, proxy2`; a port may follow an address.
    static func xForwardedFor(_ values: [String]) -> [IPAddress?] {
        values.flatMap { $0.split(separator: ",", omittingEmptySubsequences: false) }.map { node(trim($0)) }
    }

    /// `Forwarded: for=192.0.2.60;proto=http, for="[2001:db8::1]:4711"` (RFC 7239 §4). A field that is not well formed is
    /// one unknown hop.
    static func forwarded(_ values: [String]) -> [IPAddress?] { values.flatMap { elements($0[...]) ?? [nil] } }

    private static func elements(_ text: Substring) -> [IPAddress?]? {
        var hops: [IPAddress?] = []
        var rest = text
        while true {
            var hop: IPAddress?
            var hasFor = false
            pairs: while true {
                rest = rest.drop { $0 == " " || $0 == "\t" }
                let name = rest.prefix { !"=;, \t\"".contains($0) }
                rest = rest[name.endIndex...]
                guard !name.isEmpty, rest.popFirst() == "=", let value = value(&rest) else { return nil }
                if name.lowercased() == "for" {
                    guard !hasFor else { return nil }
                    hasFor = true
                    hop = node(value[...])
                }
                rest = rest.drop { $0 == " " || $0 == "\t" }
                switch rest.popFirst() {
                case ";": continue
                case ",": break pairs
                case nil:
                    hops.append(hop)
                    return hops
                default: return nil
                }
            }
            hops.append(hop)
        }
    }

    /// A token or a quoted string.
    private static func value(_ rest: inout Substring) -> String? {
        guard rest.first == "\"" else {
            let token = rest.prefix { !";, \t\"".contains($0) }
            rest = rest[token.endIndex...]
            return token.isEmpty ? nil : String(token)
        }
        rest.removeFirst()
        var text = ""
        while let character = rest.popFirst() {
            switch character {
            case "\"": return text
            case "\\":
                guard let escaped = rest.popFirst() else { return nil }
                text.append(escaped)
            default: text.append(character)
            }
        }
        return nil
    }

    /// An address, with brackets around IPv6 where a port follows.
    private static func node(_ text: Substring) -> IPAddress? {
        if text.first == "[" {
            guard let end = text.firstIndex(of: "]"), isPort(text[text.index(after: end)...]) else { return nil }
            return IPAddress(text[text.index(after: text.startIndex)..<end])
        }
        if let colon = text.firstIndex(of: ":"), text.lastIndex(of: ":") == colon {
            return isPort(text[colon...]) ? IPAddress(text[..<colon]) : nil
        }
        return IPAddress(text)
    }

    /// Nothing, or a colon and what stands for a port: digits, or a hidden name (RFC 7239 §6).
    private static func isPort(_ text: Substring) -> Bool {
        text.isEmpty
            || (text.first == ":" && text.count > 1 && text.dropFirst().utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F })
    }

    private static func trim(_ text: Substring) -> Substring {
        let start = text.drop { $0 == " " || $0 == "\t" }
        return start.dropLast(start.reversed().prefix { $0 == " " || $0 == "\t" }.count)
    }
}
