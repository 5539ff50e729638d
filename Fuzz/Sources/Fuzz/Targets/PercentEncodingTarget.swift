import HTTP

/// Percent-decoding. What it yields can be encoded and decoded again to the same text, and only bytes that decode to text
/// are taken.
enum PercentEncodingTarget: FuzzTarget {
    static let name = "percent-encoding"

    static func run(_ input: UnsafeBufferPointer<UInt8>) {
        let decoded = PercentEncoding.decode(input)
        require(decoded == reference(Array(input)), "decoded to \(String(describing: decoded))")
        guard let decoded else { return }
        let encoded = PercentEncoding.encode(decoded)
        require(encoded.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x2F }, "encoded as \(encoded)")
        let again = PercentEncoding.decode(encoded.utf8)
        require(
            again.map { Array($0.utf8) } == Array(decoded.utf8), "\(encoded) decoded to \(String(describing: again))")
    }

    /// RFC 3986 §2.1 once more, by other means.
    private static func reference(_ bytes: [UInt8]) -> String? {
        var decoded: [UInt8] = []
        var index = 0
        while index < bytes.count {
            guard bytes[index] == 0x25 else {
                decoded.append(bytes[index])
                index += 1
                continue
            }
            guard index + 2 < bytes.count else { return nil }
            let digits = String(decoding: bytes[(index + 1)...(index + 2)], as: UTF8.self)
            // UInt8 would take a sign.
            guard digits.allSatisfy({ $0.isASCII && $0.isHexDigit }), let value = UInt8(digits, radix: 16) else {
                return nil
            }
            decoded.append(value)
            index += 3
        }
        return String(validating: decoded, as: UTF8.self)
    }
}
