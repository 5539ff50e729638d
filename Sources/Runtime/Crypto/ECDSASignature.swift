/// Signatures of JOSE are r and s side by side (RFC 7518 §3.4); OpenSSL's are a DER sequence of two integers.
enum ECDSASignature {
    /// - Parameter raw: twice the curve's width.
    static func der(_ raw: [UInt8]) -> [UInt8] {
        let half = raw.count / 2
        let content = integer(raw[..<half]) + integer(raw[half...])
        return [0x30] + (content.count < 128 ? [UInt8(content.count)] : [0x81, UInt8(content.count)]) + content
    }

    /// - Parameter der: what OpenSSL wrote.
    static func raw(_ der: [UInt8], width: Int) -> [UInt8]? {
        var rest = der[...]
        guard rest.popFirst() == 0x30, let length = rest.popFirst() else { return nil }
        if length == 0x81 { _ = rest.popFirst() }
        guard let r = number(&rest, width), let s = number(&rest, width), rest.isEmpty else { return nil }
        return r + s
    }

    /// An unsigned big-endian number in the fewest bytes, with a zero in front where the sign bit would be set.
    private static func integer(_ number: ArraySlice<UInt8>) -> [UInt8] {
        var digits = Array(number.drop { $0 == 0 })
        if digits.isEmpty { digits = [0] }
        if digits[0] & 0x80 != 0 { digits.insert(0, at: 0) }
        return [0x02, UInt8(digits.count)] + digits
    }

    private static func number(_ rest: inout ArraySlice<UInt8>, _ width: Int) -> [UInt8]? {
        guard rest.popFirst() == 0x02, let count = rest.popFirst(), rest.count >= Int(count) else { return nil }
        let digits = rest.prefix(Int(count)).drop { $0 == 0 }
        rest = rest.dropFirst(Int(count))
        guard digits.count <= width else { return nil }
        return [UInt8](repeating: 0, count: width - digits.count) + digits
    }
}
