import Testing

@testable import Crypto

@Suite("AES-256-GCM")
struct AESGCMTests {
    /// NIST's test cases 13 to 16 of the mode's specification.
    static let vectors: [(key: String, nonce: String, bound: String, text: String, sealed: String)] = [
        (
            String(repeating: "00", count: 32), String(repeating: "00", count: 12), "", "",
            "530f8afbc74536b9a963b4f1c4cb738b"
        ),
        (
            String(repeating: "00", count: 32), String(repeating: "00", count: 12), "",
            String(repeating: "00", count: 16), "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"
        ),
        (
            "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
            "feedfacedeadbeeffeedfacedeadbeefabaddad2",
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525"
                + "b16aedf5aa0de657ba637b39",
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838"
                + "c5f61e6393ba7a0abcc9f662" + "76fc6ece0f4e1768cddf8853bb2d551b"
        ),
    ]

    private func bytes(_ hex: String) -> [UInt8] {
        let digits = Array(hex.utf8)
        return stride(from: 0, to: digits.count, by: 2).map {
            UInt8(String(decoding: digits[$0...$0 + 1], as: UTF8.self), radix: 16)!
        }
    }

    @Test("gives NIST's values, and opens them", arguments: vectors)
    func vector(_ key: String, _ nonce: String, _ bound: String, _ text: String, _ sealed: String) {
        let made = AESGCM.seal(bytes(text), key: bytes(key), nonce: bytes(nonce), bound: bytes(bound))
        #expect(made == bytes(sealed))
        #expect(
            AESGCM.open(made[...], key: bytes(key), nonce: bytes(nonce), bound: bytes(bound)) == bytes(text))
    }
}

@Suite("A sealed cookie")
struct SealedCookieTests {
    static let secret = Array("0123456789abcdef0123456789abcdef".utf8)
    static let other = Array("fedcba9876543210fedcba9876543210".utf8)
    static let name = "__Host-mlaas"
    static let expires = 1_800_000_000
    static let vector = "AREMp-MAAQIDBAUGBwgJCgvwRBwRaxKVGyfGgvyh49byN1BpgiytdENRldFGBQ"

    let cookie = SealedCookie(secrets: [secret])
    private let value = Array("hello".utf8)

    private func open(_ text: String, _ cookie: SealedCookie? = nil, now: Int = expires - 1) -> [UInt8]? {
        (cookie ?? self.cookie).open(text.utf8, name: Self.name, now: now)
    }

    @Test("is what another implementation of HKDF and AES-256-GCM makes of the same nonce")
    func knownAnswer() {
        let text = cookie.seal(value, name: Self.name, expires: Self.expires, nonce: Array(0..<12))
        #expect(text == Self.vector)
        #expect(open(Self.vector) == value)
    }

    @Test("opens until it expires, and is another text each time", arguments: [0, 1, 2_000])
    func roundTrip(_ count: Int) {
        let value = SecureRandom.bytes(count)
        let texts = (0..<2).map { _ in cookie.seal(value, name: Self.name, expires: Self.expires) }
        #expect(texts[0] != texts[1])
        for text in texts {
            #expect(open(text) == value)
            #expect(open(text, now: Self.expires) == nil)
            #expect(open(text, now: .max) == nil)
        }
    }

    @Test("opens under no other name and by no other secret")
    func foreign() {
        let text = cookie.seal(value, name: Self.name, expires: Self.expires)
        #expect(cookie.open(text.utf8, name: "mlaas", now: 0) == nil)
        #expect(open(text, SealedCookie(secrets: [Self.other])) == nil)
    }

    @Test("opens by an older secret while that is listed, and is sealed by the first")
    func rotation() {
        let old = cookie.seal(value, name: Self.name, expires: Self.expires)
        let rotated = SealedCookie(secrets: [Self.other, Self.secret])
        #expect(open(old, rotated) == value)
        let new = rotated.seal(value, name: Self.name, expires: Self.expires)
        #expect(open(new) == nil)
        #expect(open(new, rotated) == value)
        #expect(open(old, SealedCookie(secrets: [Self.other])) == nil)
    }

    @Test("does not open when any bit of it is another, or any part is missing or added")
    func damaged() {
        let text = Self.vector
        let bytes = Base64URL.decode(text.utf8)!
        for index in bytes.indices {
            for bit in 0..<8 {
                var changed = bytes
                changed[index] ^= 1 << UInt8(bit)
                #expect(open(Base64URL.encode(changed)) == nil)
            }
        }
        for count in 0..<bytes.count { #expect(open(Base64URL.encode(Array(bytes.prefix(count)))) == nil) }
        for count in 0..<text.utf8.count { #expect(open(String(text.prefix(count))) == nil) }
        #expect(open(text + "A") == nil)
        #expect(open(text + "AA") == nil)
        #expect(open(Base64URL.encode(bytes + [0])) == nil)
        #expect(open(String(repeating: "A", count: SealedCookie.textBytesMax + 1)) == nil)
    }

    @Test("keeps the extremes of time")
    func extremes() {
        #expect(open(cookie.seal(value, name: Self.name, expires: .min), now: .min) == nil)
        #expect(open(cookie.seal(value, name: Self.name, expires: .max), now: .max - 1) == value)
    }
}
