import Bytes
import Crypto
import Testing

@Suite("Digests and encodings")
struct DigestTests {
    @Test("give the published values")
    func vectors() {
        #expect(
            Hex.encode(SHA256.hash(Array("abc".utf8)))
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(
            Hex.encode(SHA256.hash([])) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        #expect(Hex.encode(SHA1.hash(Array("abc".utf8))) == "a9993e364706816aba3e25717850c26c9cd0d89d")
        // RFC 4231, test case 2.
        #expect(
            Hex.encode(HMACCode.sha256(key: Array("Jefe".utf8), message: Array("what do ya want for nothing?".utf8)))
                == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    }

    @Test(
        "base64url takes what it would write, and nothing else (RFC 4648 §5)",
        arguments: [
            ("", []), ("Zg", [0x66]), ("Zm8", [0x66, 0x6F]), ("-_8", [0xFB, 0xFF]), ("Zg==", nil), ("Zh", nil),
            ("Z", nil),
            ("+/8", nil), ("Zm 8", nil), ("Zm9v\n", nil), ("Zm9", nil),
        ] as [(String, [UInt8]?)])
    func base64URL(_ text: String, _ bytes: [UInt8]?) {
        #expect(Base64URL.decode(text.utf8) == bytes)
        if let bytes { #expect(Base64URL.encode(bytes) == text) }
    }

    @Test("base64 is padded (RFC 4648 §4)", arguments: [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v")])
    func base64(_ plain: String, _ text: String) {
        #expect(Base64.encode(Array(plain.utf8)) == text)
        #expect(Base64.decode(text) == Array(plain.utf8))
        #expect(Base64.decode(text + "=") == nil)
    }

    @Test("comparing in constant time compares")
    func comparing() {
        #expect(
            constantTimeEqual([1, 2], [1, 2]) && !constantTimeEqual([1, 2], [1, 3]) && !constantTimeEqual([1], [1, 2]))
    }

    @Test("random numbers stay in range and differ")
    func random() {
        let drawn = (0..<200).map { _ in SecureRandom.uniform(below: 10) }
        #expect(drawn.allSatisfy { (0..<10).contains($0) } && Set(drawn).count > 1)
        #expect(SecureRandom.bytes(16) != SecureRandom.bytes(16))
    }
}

@Suite("Signatures")
struct SignatureTests {
    private static func key(for algorithm: SignatureAlgorithm) throws -> PrivateKey {
        switch algorithm.keyKind {
        case .rsa: try .rsa()
        case .ec(let curve): try .ec(curve)
        case .ed25519: try .ed25519()
        }
    }

    @Test("of each algorithm verify, and no changed one does", arguments: SignatureAlgorithm.allCases)
    func verify(_ algorithm: SignatureAlgorithm) throws {
        let key = try Self.key(for: algorithm)
        let publicKey = try key.publicKey()
        let message = Array("message".utf8)
        let signature = try key.sign(message, algorithm: algorithm)
        #expect(publicKey.isValidSignature(signature, for: message, algorithm: algorithm))
        #expect(!publicKey.isValidSignature(signature, for: message + [0], algorithm: algorithm))
        for index in stride(from: 0, to: signature.count, by: 7) {
            var changed = signature
            changed[index] ^= 1
            #expect(!publicKey.isValidSignature(changed, for: message, algorithm: algorithm))
        }
        for other in SignatureAlgorithm.allCases where other != algorithm {
            #expect(!publicKey.isValidSignature(signature, for: message, algorithm: other))
        }
    }

    @Test("that are malformed are refused, whatever their length", arguments: SignatureAlgorithm.allCases)
    func malformed(_ algorithm: SignatureAlgorithm) throws {
        let publicKey = try Self.key(for: algorithm).publicKey()
        for length in [0, 1, 32, 63, 64, 65, 70, 96, 132, 255, 256, 257, 10_000] {
            for byte: UInt8 in [0, 1, 0xFF] {
                let signature = [UInt8](repeating: byte, count: length)
                #expect(!publicKey.isValidSignature(signature, for: [1], algorithm: algorithm))
            }
        }
    }

    @Test("verify by the published Ed25519 key (RFC 8037 appendix A)")
    func published() throws {
        let x = try #require(Base64URL.decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".utf8))
        let signature = try #require(
            Base64URL.decode(
                "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg".utf8))
        let message = Array("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc".utf8)
        #expect(try PublicKey.ed25519(x).isValidSignature(signature, for: message, algorithm: .edDSA))
    }

    @Test("need keys that are large enough and well formed")
    func keys() throws {
        let small = try PrivateKey.rsa(bits: 1_024)
        guard case .rsa(let modulus, let exponent) = small.parameters else { return }
        #expect(throws: CryptoError.self) { try PublicKey.rsa(modulus: modulus, exponent: exponent) }
        guard case .rsa(let good, _) = try PrivateKey.rsa().parameters else { return }
        for exponent: [UInt8] in [[], [0], [1], [0, 1], [2], [1, 0, 0]] {
            #expect(throws: CryptoError.self) { try PublicKey.rsa(modulus: good, exponent: exponent) }
        }
        let ones = [UInt8](repeating: 1, count: 32)
        #expect(throws: CryptoError.self) { try PublicKey.ec(curve: .p256, x: ones, y: ones) }
        #expect(throws: CryptoError.self) { try PublicKey.ec(curve: .p384, x: ones, y: ones) }
        #expect(throws: CryptoError.self) { try PublicKey.ed25519([1]) }
    }
}
