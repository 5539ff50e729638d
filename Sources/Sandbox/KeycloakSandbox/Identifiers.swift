import Bytes
import Crypto

/// Names that cannot be guessed.
enum Identifiers {
    /// RFC 9562 §5.4.
    static func uuid() -> String {
        var bytes = SecureRandom.bytes(16)
        bytes[6] = bytes[6] & 0x0F | 0x40
        bytes[8] = bytes[8] & 0x3F | 0x80
        let hex = Hex.encode(bytes)
        var text = ""
        for (index, character) in hex.enumerated() {
            if [8, 12, 16, 20].contains(index) { text.append("-") }
            text.append(character)
        }
        return text
    }

    /// 24 characters, as session ids are.
    static func session() -> String { Base64URL.encode(SecureRandom.bytes(18)) }

    /// 43 characters.
    static func code() -> String { Base64URL.encode(SecureRandom.bytes(32)) }

    /// What a person types: `WDJB-MJHT`.
    static func userCode() -> String {
        let letters = Array("BCDFGHJKLMNPQRSTVWXZ".utf8)
        let picked = (0..<8).map { _ in letters[SecureRandom.uniform(below: letters.count)] }
        return String(decoding: picked[..<4], as: UTF8.self) + "-" + String(decoding: picked[4...], as: UTF8.self)
    }
}
