/// Seals values for a client to keep in a cookie: the client can neither read nor change them, move one from a cookie of one
/// name to a cookie of another, nor use one for longer than it was sealed for.
///
/// A sealed value is, in base64url: a version byte, four bytes that name the key, a nonce of 12 bytes, and the AES-256-GCM
/// ciphertext of the expiry (eight bytes, seconds since 1970) and the value. Version, key id and the cookie's name are bound
/// to it. The nonce is random, which is safe for 2^32 cookies of one secret (NIST SP 800-38D §8.3).
package struct SealedCookie: Sendable {
    /// Browsers keep cookies of up to 4,096 bytes, their names and attributes included.
    package static let textBytesMax = 3_900

    private static let version: UInt8 = 1
    private static let keyIDBytes = 4
    private static let expiryBytes = 8
    private static let headerBytes = 1 + keyIDBytes + AESGCM.nonceBytes

    /// The key of one secret, and its name.
    private struct Key: Sendable {
        let id: [UInt8]
        let bytes: [UInt8]

        /// HKDF with SHA-256, no salt, and one block for each purpose (RFC 5869 §2).
        init(secret: [UInt8]) {
            let extracted = HMACCode.sha256(key: [UInt8](repeating: 0, count: 32), message: secret)
            func expand(_ purpose: String) -> [UInt8] {
                HMACCode.sha256(key: extracted, message: Array("mlaas cookie \(purpose)".utf8) + [1])
            }
            bytes = expand("key")
            id = Array(expand("key id").prefix(SealedCookie.keyIDBytes))
        }
    }

    private let keys: [Key]

    /// - Parameter secrets: the first seals, all open. At least one, each of at least 32 bytes that cannot be guessed.
    package init(secrets: [[UInt8]]) {
        precondition(!secrets.isEmpty, "Invalid state: no secret")
        keys = secrets.map { Key(secret: $0) }
    }

    /// Seals a value for a cookie.
    /// - Parameters:
    ///   - name: the cookie's.
    ///   - expires: seconds since 1970 from which on it is refused.
    package func seal(_ value: [UInt8], name: String, expires: Int) -> String {
        seal(value, name: name, expires: expires, nonce: SecureRandom.bytes(AESGCM.nonceBytes))
    }

    /// The same under a given nonce, for tests.
    func seal(_ value: [UInt8], name: String, expires: Int, nonce: [UInt8]) -> String {
        let key = keys[0]
        let head = [Self.version] + key.id
        let time = UInt64(clamping: expires)
        let text = (0..<Self.expiryBytes).map { UInt8(truncatingIfNeeded: time >> (56 - 8 * UInt64($0))) } + value
        let sealed = AESGCM.seal(text, key: key.bytes, nonce: nonce, bound: head + Array(name.utf8))
        return Base64URL.encode(head + nonce + sealed)
    }

    /// Opens what `seal` made.
    /// - Parameter now: seconds since 1970.
    /// - Returns: nil when the text is not one of ours, of another cookie, of no secret we have, changed, cut or expired.
    package func open(_ text: some Collection<UInt8>, name: String, now: Int) -> [UInt8]? {
        guard text.count <= Self.textBytesMax, let bytes = Base64URL.decode(text),
            bytes.count >= Self.headerBytes + AESGCM.tagBytes + Self.expiryBytes, bytes[0] == Self.version
        else { return nil }
        let head = Array(bytes[...Self.keyIDBytes])
        let nonce = Array(bytes[head.count..<Self.headerBytes])
        for key in keys where key.id.elementsEqual(head.dropFirst()) {
            let bound = head + Array(name.utf8)
            guard let opened = AESGCM.open(bytes[Self.headerBytes...], key: key.bytes, nonce: nonce, bound: bound)
            else { continue }
            let expires = opened.prefix(Self.expiryBytes).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            guard UInt64(clamping: now) < expires else { return nil }
            return Array(opened.dropFirst(Self.expiryBytes))
        }
        return nil
    }
}
