/// The hops that proxies have written down, in the order of the fields: the client first, the nearest proxy last. A hop that
/// is not an address (`unknown`, a hidden name, anything malformed) is nil. Works on bytes, each of which is looked at a fixed
/// number of times, since anybody may send 31 KB of it.
enum ForwardedChain {
    /// `X-Forwarded-For: client, proxy1, proxy2`; a port may follow an address. A field without a value is as good as none.
    static func xForwardedFor(_ values: [ArraySlice<UInt8>]) -> [IPAddress?] {
        var hops: [IPAddress?] = []
        for value in values where !value.isEmpty {
            for element in value.split(separator: 0x2C, omittingEmptySubsequences: false) {
                hops.append(node(trimmed(element)))
            }
        }
        return hops
    }

    /// `Forwarded: for=192.0.2.60;proto=http, for="[2001:db8::1]:4711"` (RFC 7239 §4). A field that is not well formed is
    /// one unknown hop.
    static func forwarded(_ values: [ArraySlice<UInt8>]) -> [IPAddress?] {
        var hops: [IPAddress?] = []
        for value in values {
            var reader = ForwardedReader(rest: value)
            if let elements = reader.elements() { hops += elements } else { hops.append(nil) }
        }
        return hops
    }

    /// An address, with brackets around IPv6 where a port follows.
    static func node(_ text: ArraySlice<UInt8>) -> IPAddress? {
        if text.first == 0x5B {
            guard let end = text.firstIndex(of: 0x5D), isPort(text[(end + 1)...]) else { return nil }
            return IPAddress(bytes: text[(text.startIndex + 1)..<end])
        }
        if let colon = text.firstIndex(of: 0x3A), !text[(colon + 1)...].contains(0x3A) {
            return isPort(text[colon...]) ? IPAddress(bytes: text[..<colon]) : nil
        }
        return IPAddress(bytes: text)
    }

    /// Nothing, or a colon and what stands for a port: digits, or a hidden name (RFC 7239 §6).
    private static func isPort(_ text: ArraySlice<UInt8>) -> Bool {
        text.isEmpty || (text.first == 0x3A && text.count > 1 && text.dropFirst().allSatisfy { $0 > 0x20 && $0 < 0x7F })
    }

    private static func trimmed(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var start = text.startIndex
        var end = text.endIndex
        while start < end, text[start] == 0x20 || text[start] == 0x09 { start += 1 }
        while end > start, text[end - 1] == 0x20 || text[end - 1] == 0x09 { end -= 1 }
        return text[start..<end]
    }
}

/// Reads the value of one `Forwarded` field.
private struct ForwardedReader {
    var rest: ArraySlice<UInt8>

    /// One hop for each element; nil when the value is malformed. Empty elements and empty pairs are legal and say nothing
    /// (RFC 7239 §4, RFC 9110 §5.6.1.2).
    mutating func elements() -> [IPAddress?]? {
        var hops: [IPAddress?] = []
        while true {
            var hop: IPAddress?
            var hasFor = false
            var hasPair = false
            pairs: while true {
                skipBlanks()
                if let byte = rest.first, byte != 0x3B, byte != 0x2C {
                    let name = token(until: 0x3D)
                    guard !name.isEmpty, rest.popFirst() == 0x3D, let value = value() else { return nil }
                    hasPair = true
                    if isFor(name) {
                        guard !hasFor else { return nil }
                        hasFor = true
                        hop = ForwardedChain.node(value)
                    }
                    skipBlanks()
                }
                switch rest.popFirst() {
                case 0x3B: continue
                case 0x2C: break pairs
                case nil:
                    if hasPair { hops.append(hop) }
                    return hops
                default: return nil
                }
            }
            if hasPair { hops.append(hop) }
        }
    }

    /// A token, which may be empty (`host=` of a request without a host), or a quoted string.
    private mutating func value() -> ArraySlice<UInt8>? {
        guard rest.first == 0x22 else { return token(until: nil) }
        rest.removeFirst()
        var text: [UInt8] = []
        while let byte = rest.popFirst() {
            switch byte {
            case 0x22: return text[...]
            case 0x5C:
                guard let escaped = rest.popFirst() else { return nil }
                text.append(escaped)
            default: text.append(byte)
            }
        }
        return nil
    }

    /// What comes before a delimiter, or before `end`.
    private mutating func token(until end: UInt8?) -> ArraySlice<UInt8> {
        var index = rest.startIndex
        scan: while index < rest.endIndex {
            switch rest[index] {
            case 0x3B, 0x2C, 0x20, 0x09, 0x22: break scan
            case end: break scan
            default: index += 1
            }
        }
        defer { rest = rest[index...] }
        return rest[..<index]
    }

    private mutating func skipBlanks() {
        var index = rest.startIndex
        while index < rest.endIndex, rest[index] == 0x20 || rest[index] == 0x09 { index += 1 }
        rest = rest[index...]
    }

    private func isFor(_ name: ArraySlice<UInt8>) -> Bool {
        name.count == 3 && zip(name, [0x66, 0x6F, 0x72]).allSatisfy { $0 | 0x20 == $1 }
    }
}
