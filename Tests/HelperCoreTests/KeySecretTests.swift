import Bytes
import HelperCore
import Testing

/// What 30 drawn zeros make.
private let zeros = String(repeating: "0", count: 30)

@Suite("The form of a secret")
struct KeySecretTests {
    @Test("The checksum is the CRC-32 that zlib computes")
    func crc() {
        #expect(crc32(Array("123456789".utf8)) == 0xCBF4_3926)
        #expect(crc32([]) == 0)
        // python3 -c 'import zlib; print(zlib.crc32(b"mlaas_" + b"0" * 30))'
        #expect(crc32(Array("mlaas_\(zeros)".utf8)) == 2_162_343_604)
    }

    @Test("A secret is the prefix, 30 drawn characters and 6 of checksum")
    func form() throws {
        let secret = KeySecret(uniform: { _ in 0 })
        #expect(secret.text == "mlaas_\(zeros)2MKyLk")
        var drawn = 0
        let other = KeySecret(
            try #require(KeySecret.Prefix("acme2")),
            uniform: { bound in
                #expect(bound == 62)
                defer { drawn += 1 }
                return 61 - drawn
            })
        #expect(drawn == 30)
        #expect(other.text.hasPrefix("acme2_zyxwvutsrqponmlkjihgfedcbaZYXW"))
        #expect(other.text.utf8.count == "acme2_".utf8.count + 36)
    }

    @Test("What was made is read, and what was mistyped is not")
    func parsing() throws {
        for _ in 0..<200 {
            let secret = KeySecret()
            #expect(KeySecret(parsing: secret.text) == secret)
            var bytes = Array(secret.text.utf8)
            for index in bytes.indices {
                let right = bytes[index]
                bytes[index] = right == UInt8(ascii: "a") ? UInt8(ascii: "b") : UInt8(ascii: "a")
                #expect(KeySecret(parsing: String(decoding: bytes, as: UTF8.self)) == nil, "character \(index)")
                bytes[index] = right
            }
            // Two neighbours that changed places, where they differ.
            for index in 6..<41 where bytes[index] != bytes[index + 1] {
                bytes.swapAt(index, index + 1)
                #expect(KeySecret(parsing: String(decoding: bytes, as: UTF8.self)) == nil)
                bytes.swapAt(index, index + 1)
            }
        }
    }

    @Test(
        "Texts of another form are no secrets",
        arguments: [
            "", "_", "mlaas", "mlaas_", "0f8fad5bd9cb469fa165708677289501", "mlaas_\(zeros)2MKyL",
            "mlaas_\(zeros)2MKyLkk", "Mlaas_\(zeros)2MKyLk", "mlaas-\(zeros)2MKyLk", "mlaas_\(zeros)zzzzzz",
            " mlaas_\(zeros)2MKyLk", "mlaas_\(zeros.dropLast(2))ä2MKyLk",
        ])
    func others(_ text: String) {
        #expect(KeySecret(parsing: text) == nil)
    }

    @Test("No secret comes twice, and every character of the alphabet is drawn")
    func randomness() {
        var seen: Set<String> = []
        var characters: Set<Character> = []
        for _ in 0..<1_000 {
            let text = KeySecret().text
            #expect(seen.insert(text).inserted)
            characters.formUnion(text.dropFirst(6).prefix(30))
        }
        #expect(characters.count == 62)
    }

    @Test(
        "Prefixes",
        arguments: [
            ("m", true), ("mlaas2", true), ("", false), ("2m", false), ("Mlaas", false),
            ("ml_aas", false), ("mlaas-", false), (String(repeating: "a", count: 20), true),
            (String(repeating: "a", count: 21), false),
        ])
    func prefixes(_ text: String, _ isOne: Bool) {
        #expect((KeySecret.Prefix(text) != nil) == isOne)
    }

    @Test("A hint shows 9 characters of a secret of ours, 4 of any other, and nothing of a short one")
    func hints() {
        #expect(SecretFacts("mlaas_\(zeros)2MKyLk").hint == "mlaas_000…KyLk")
        #expect(SecretFacts("0f8fad5bd9cb469fa165708677289501").hint == "0f8f…9501")
        #expect(SecretFacts("mlaas_\(zeros)2MKyLx").hint == "mlaa…KyLx")
        #expect(SecretFacts(String(repeating: "a", count: 23)).hint == nil)
    }
}
