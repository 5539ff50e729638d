import Bytes
import HTTP

/// The hops that proxies have written into one kind of field, the nearest proxy first: each `next` goes one hop towards the
/// client. A hop that is not an address (`unknown`, a hidden name, anything malformed) is nil.
///
/// Any client may send 31 KB of such a field. So a hop is read when it is asked for, which ends at the first that no trusted
/// proxy vouches for, and every byte is looked at a fixed number of times.
protocol ForwardedChain {
    /// The next hop towards the client, itself nil when it is unknown; nil behind the last.
    mutating func next() -> IPAddress??
}

/// `X-Forwarded-For: client, proxy1, proxy2`; a port may follow an address. A field without a value is as good as none.
struct XForwardedForChain: ForwardedChain {
    private let bytes: [UInt8]
    private var values: [Range<Int>]

    /// - Parameter values: where the values of all such fields stand, in order.
    init(_ bytes: [UInt8], _ values: [Range<Int>]) {
        self.bytes = bytes
        self.values = values.filter { !$0.isEmpty }
    }

    mutating func next() -> IPAddress?? {
        guard let value = values.popLast() else { return nil }
        let start = Self.lastElement(bytes.span, value)
        if start > value.lowerBound { values.append(value.lowerBound..<(start - 1)) }
        let element = ForwardedNode.trimmed(bytes.span, start..<value.upperBound)
        return .some(ForwardedNode.address(bytes.span, element))
    }

    /// Where the last element of a list begins.
    private static func lastElement(_ bytes: Span<UInt8>, _ list: Range<Int>) -> Int {
        var start = list.upperBound
        while start > list.lowerBound, bytes[start - 1] != 0x2C { start &-= 1 }
        return start
    }
}

/// `Forwarded: for=192.0.2.60;proto=http, for="[2001:db8::1]:4711"` (RFC 7239 §4). A field that is not well formed is one
/// unknown hop. Empty elements, pairs and values are legal and say nothing (RFC 7239 §4, RFC 9110 §5.6.1.2).
struct ForwardedFieldChain: ForwardedChain {
    private enum Hop {
        case unknown
        case node(Range<Int>)
        case quoted(Range<Int>)
    }

    private let bytes: [UInt8]
    private var values: [Range<Int>]
    /// Of the value that is being read, in its order.
    private var hops: [Hop] = []

    /// - Parameter values: where the values of all such fields stand, in order.
    init(_ bytes: [UInt8], _ values: [Range<Int>]) {
        self.bytes = bytes
        self.values = values
    }

    mutating func next() -> IPAddress?? {
        while hops.isEmpty {
            guard let value = values.popLast() else { return nil }
            hops = Self.hops(bytes.span, value) ?? [.unknown]
        }
        switch hops.popLast() {
        case nil, .unknown: return .some(nil)
        case .node(let range): return .some(ForwardedNode.address(bytes.span, range))
        case .quoted(let range): return .some(ForwardedNode.address(unescaping: bytes.span, range))
        }
    }

    /// The hops of one value; nil when it is malformed.
    private static func hops(_ bytes: Span<UInt8>, _ value: Range<Int>) -> [Hop]? {
        var hops: [Hop] = []
        var index = value.lowerBound
        var hop: Hop?
        var hasPair = false
        while true {
            skipBlanks(bytes, &index, value.upperBound)
            if index < value.upperBound, bytes[index] != 0x3B, bytes[index] != 0x2C {
                let name = index
                while index < value.upperBound, bytes[index] != 0x3D, !isDelimiter(bytes[index]) { index &+= 1 }
                guard index > name, index < value.upperBound, bytes[index] == 0x3D else { return nil }
                let isFor = isFor(bytes, name..<index)
                index += 1
                guard let found = readValue(bytes, &index, value.upperBound) else { return nil }
                hasPair = true
                if isFor {
                    guard hop == nil else { return nil }
                    hop = found
                }
                skipBlanks(bytes, &index, value.upperBound)
            }
            guard index == value.upperBound || bytes[index] == 0x3B || bytes[index] == 0x2C else { return nil }
            if index == value.upperBound || bytes[index] == 0x2C {
                if hasPair { hops.append(hop ?? .unknown) }
                if index == value.upperBound { return hops }
                (hop, hasPair) = (nil, false)
            }
            index += 1
        }
    }

    /// A token, which may be empty (`host=` of a request without a host), or a quoted string.
    private static func readValue(_ bytes: Span<UInt8>, _ index: inout Int, _ end: Int) -> Hop? {
        let start = index
        guard index < end, bytes[index] == 0x22 else {
            while index < end, !isDelimiter(bytes[index]) { index &+= 1 }
            return .node(start..<index)
        }
        index += 1
        while index < end, bytes[index] != 0x22 { index &+= bytes[index] == 0x5C ? 2 : 1 }
        guard index < end else { return nil }
        index += 1
        return .quoted((start + 1)..<(index - 1))
    }

    private static func skipBlanks(_ bytes: Span<UInt8>, _ index: inout Int, _ end: Int) {
        while index < end, bytes[index] == 0x20 || bytes[index] == 0x09 { index &+= 1 }
    }

    private static func isDelimiter(_ byte: UInt8) -> Bool {
        byte == 0x3B || byte == 0x2C || byte == 0x20 || byte == 0x09 || byte == 0x22
    }

    private static func isFor(_ bytes: Span<UInt8>, _ name: Range<Int>) -> Bool {
        name.count == 3 && bytes[name.lowerBound] | 0x20 == 0x66 && bytes[name.lowerBound + 1] | 0x20 == 0x6F
            && bytes[name.lowerBound + 2] | 0x20 == 0x72
    }
}

/// A node of a chain: an address, with brackets around IPv6 where a port follows (RFC 7239 §6).
private enum ForwardedNode {
    static func address(_ bytes: Span<UInt8>, _ range: Range<Int>) -> IPAddress? {
        // Nothing longer is an address and a port; a hidden name may be.
        guard (2...128).contains(range.count) else { return nil }
        let text = bytes.extracting(range)
        var colons = 0
        var colon = text.count
        var bracket = text.count
        for index in text.indices {
            if text[index] == 0x5D, bracket == text.count { bracket = index }
            if text[index] == 0x3A {
                if colons == 0 { colon = index }
                colons += 1
            }
        }
        if text[0] == 0x5B {
            guard bracket < text.count, isPort(text.extracting((bracket + 1)...)) else { return nil }
            return IPAddress(bytes: text.extracting(1..<bracket))
        }
        guard colons == 1 else { return IPAddress(bytes: text) }
        return isPort(text.extracting(colon...)) ? IPAddress(bytes: text.extracting(..<colon)) : nil
    }

    /// The same of the content of a quoted string.
    static func address(unescaping bytes: Span<UInt8>, _ range: Range<Int>) -> IPAddress? {
        var text: [UInt8] = []
        var index = range.lowerBound
        while index < range.upperBound, text.count <= 128 {
            if bytes[index] == 0x5C { index += 1 }
            if index < range.upperBound { text.append(bytes[index]) }
            index += 1
        }
        return address(text.span, 0..<text.count)
    }

    static func trimmed(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Range<Int> {
        var start = range.lowerBound
        var end = range.upperBound
        while start < end, bytes[start] == 0x20 || bytes[start] == 0x09 { start &+= 1 }
        while end > start, bytes[end - 1] == 0x20 || bytes[end - 1] == 0x09 { end &-= 1 }
        return start..<end
    }

    /// Nothing, or a colon and what stands for a port: digits, or a hidden name (RFC 7239 §6).
    private static func isPort(_ text: Span<UInt8>) -> Bool {
        guard text.count > 0 else { return true }
        guard text[0] == 0x3A, text.count > 1 else { return false }
        for index in 1..<text.count where text[index] <= 0x20 || text[index] >= 0x7F { return false }
        return true
    }
}
