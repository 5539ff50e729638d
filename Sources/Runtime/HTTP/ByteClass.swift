/// Which bytes a grammar rule allows: two constants a rule, one bit for each byte below 128, so that a look-up touches no
/// memory and no global.
package enum ByteClass {
    /// RFC 9110 §5.6.2: tchar.
    @inline(__always) static func isToken(_ byte: UInt8) -> Bool { contains(byte, tokenLow, tokenHigh) }
    /// RFC 9110 §5.5: field-vchar, SP and HTAB; obs-text included, controls not.
    @inline(__always) static func isFieldValue(_ byte: UInt8) -> Bool {
        byte == ASCII.tab || (byte >= ASCII.space && byte != 0x7F)
    }
    /// RFC 3986 §3.3, §3.4: what may stand in a path or a query. Brackets belong to an authority alone.
    @inline(__always) static func isPathOrQuery(_ byte: UInt8) -> Bool { contains(byte, pathLow, pathHigh) }
    /// RFC 3986 §3.2.2: what may stand in a reg-name or IPv4 address.
    @inline(__always) static func isHost(_ byte: UInt8) -> Bool { contains(byte, hostLow, hostHigh) }

    @inline(__always) private static func contains(_ byte: UInt8, _ low: UInt64, _ high: UInt64) -> Bool {
        byte < 128 && ((byte < 64 ? low : high) >> UInt64(byte & 63)) & 1 != 0
    }

    // Digits; letters of both cases; then what each rule adds: the tests hold every byte against the rule's own text.
    private static let digits: UInt64 = 0x03FF_0000_0000_0000
    private static let letters: UInt64 = 0x07FF_FFFE_07FF_FFFE
    /// `! # $ % & ' * + - .` and `^ _ ` | ~`.
    private static let tokenLow: UInt64 = digits | 0x0000_6CFA_0000_0000
    private static let tokenHigh: UInt64 = letters | 0x5000_0001_C000_0000
    /// `! $ % & ' ( ) * + , - . / : ; = ?` and `@ _ ~`.
    private static let pathLow: UInt64 = digits | 0xAC00_FFF2_0000_0000
    private static let pathHigh: UInt64 = letters | 0x4000_0000_8000_0001
    /// `! $ % & ' ( ) * + , - . ; =` and `_ ~`.
    private static let hostLow: UInt64 = digits | 0x2800_7FF2_0000_0000
    private static let hostHigh: UInt64 = letters | 0x4000_0000_8000_0000
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

    @inline(__always) static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

    @inline(__always) static func isBlank(_ byte: UInt8) -> Bool { byte == space || byte == tab }

    static func lowercased(_ byte: UInt8) -> UInt8 { byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte }
}
