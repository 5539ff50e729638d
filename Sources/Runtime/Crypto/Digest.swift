import COpenSSL

/// A digest algorithm, fetched once: looking it up by name costs as much as hashing a kilobyte.
@safe final class Digest: Sendable {
    /// EVP_MD is immutable once fetched.
    nonisolated(unsafe) let raw: OpaquePointer

    private init(_ name: String) {
        guard let raw = unsafe EVP_MD_fetch(nil, name, nil) else { preconditionFailure("OpenSSL has no \(name)") }
        unsafe self.raw = raw
    }

    static let sha1 = Digest("SHA1")
    static let sha256 = Digest("SHA2-256")
    static let sha384 = Digest("SHA2-384")
    static let sha512 = Digest("SHA2-512")

    func hash(_ bytes: [UInt8]) -> [UInt8] {
        var out = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var length: UInt32 = 0
        let status = unsafe EVP_Digest(bytes, bytes.count, &out, &length, raw, nil)
        precondition(status == 1, "EVP_Digest failed")
        out.removeLast(out.count - Int(length))
        return out
    }

    func authenticate(key: [UInt8], message: [UInt8]) -> [UInt8] {
        var out = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var length: UInt32 = 0
        let result = unsafe HMAC(raw, key, Int32(key.count), message, message.count, &out, &length)
        precondition(unsafe result != nil, "HMAC failed")
        out.removeLast(out.count - Int(length))
        return out
    }
}

/// SHA-256 (FIPS 180-4).
package enum SHA256 {
    /// 32 bytes.
    package static func hash(_ bytes: [UInt8]) -> [UInt8] { Digest.sha256.hash(bytes) }
}

/// SHA-1, for fingerprints that a format prescribes (RFC 7517 §4.8); not for anything that must resist an attacker.
package enum SHA1 {
    /// 20 bytes.
    package static func hash(_ bytes: [UInt8]) -> [UInt8] { Digest.sha1.hash(bytes) }
}

/// Keyed authentication of messages (RFC 2104).
package enum HMACCode {
    /// 32 bytes.
    package static func sha256(key: [UInt8], message: [UInt8]) -> [UInt8] {
        Digest.sha256.authenticate(key: key, message: message)
    }

    /// 64 bytes.
    package static func sha512(key: [UInt8], message: [UInt8]) -> [UInt8] {
        Digest.sha512.authenticate(key: key, message: message)
    }
}

/// Whether two byte strings are equal, in a time that depends on their lengths only.
package func constantTimeEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    guard left.count == right.count else { return false }
    return unsafe CRYPTO_memcmp(left, right, left.count) == 0
}
