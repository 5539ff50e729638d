/// Which bytes a grammar rule allows: one look-up a byte.
package enum ByteClass {
    /// RFC 9110 §5.6.2: tchar.
    static let token: UInt8 = 1
    /// RFC 9110 §5.5: field-vchar, SP and HTAB; obs-text included, controls not.
    static let fieldValue: UInt8 = 2
    /// RFC 3986 §2: what may stand in a URI without a fragment.
    static let uri: UInt8 = 4
    /// RFC 3986 §3.2.2: what may stand in a host, brackets and port included.
    static let host: UInt8 = 8

    static let table: [UInt8] = {
        var table = [UInt8](repeating: 0, count: 256)
        let alphanumerics = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)
        for byte in alphanumerics { table[Int(byte)] |= token | uri | host }
        for byte in "!#$%&'*+-.^_`|~".utf8 { table[Int(byte)] |= token }
        for byte in "-._~:/?[]@!$&'()*+,;=%".utf8 { table[Int(byte)] |= uri }
        for byte in "-._~!$&'()*+,;=%:[]".utf8 { table[Int(byte)] |= host }
        for value in 0...255 where value == 0x09 || value == 0x20 || (value > 0x20 && value != 0x7F) {
            table[value] |= fieldValue
        }
        return table
    }()
}

/// The bytes of US-ASCII that the grammar names.
enum ASCII {
    static let tab: UInt8 = 0x09
    static let lineFeed: UInt8 = 0x0A
    static let carriageReturn: UInt8 = 0x0D
    static let space: UInt8 = 0x20
    static let colon: UInt8 = 0x3A
    static let semicolon: UInt8 = 0x3B
    static let comma: UInt8 = 0x2C
    static let slash: UInt8 = 0x2F
    static let question: UInt8 = 0x3F
    static let asterisk: UInt8 = 0x2A
    static let percent: UInt8 = 0x25

    /// The value of a hexadecimal digit.
    static func hexValue(_ byte: UInt8) -> Int? {
        switch byte {
        case 0x30...0x39: Int(byte) - 0x30
        case 0x41...0x46: Int(byte) - 0x41 + 10
        case 0x61...0x66: Int(byte) - 0x61 + 10
        default: nil
        }
    }

    static func lowercased(_ byte: UInt8) -> UInt8 { byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte }
}
