import COpenSSL

/// AES-256 in Galois/Counter Mode (NIST SP 800-38D): encryption that also proves that neither the text nor what it is bound
/// to was changed.
enum AESGCM {
    static let keyBytes = 32
    static let nonceBytes = 12
    static let tagBytes = 16

    /// Returns the ciphertext, and behind it the tag.
    /// - Parameters:
    ///   - nonce: never used twice under one key.
    ///   - bound: must be the same when the text is opened.
    static func seal(_ text: [UInt8], key: [UInt8], nonce: [UInt8], bound: [UInt8]) -> [UInt8] {
        precondition(key.count == keyBytes && nonce.count == nonceBytes, "Invalid state: length of a key or nonce")
        // One byte more, so that even an empty text has an address.
        var out = [UInt8](repeating: 0, count: text.count + 1)
        var tag = [UInt8](repeating: 0, count: tagBytes)
        let status = unsafe copenssl_gcm_seal(
            key, nonce, bound, Int32(bound.count), text, Int32(text.count), &out, &tag)
        precondition(status == 1, "AES-256-GCM failed")
        out.removeLast()
        return out + tag
    }

    /// Returns the text; nil when it was sealed otherwise, or was changed since.
    static func open(_ sealed: ArraySlice<UInt8>, key: [UInt8], nonce: [UInt8], bound: [UInt8]) -> [UInt8]? {
        precondition(key.count == keyBytes && nonce.count == nonceBytes, "Invalid state: length of a key or nonce")
        guard sealed.count >= tagBytes else { return nil }
        let text = Array(sealed.dropLast(tagBytes))
        var out = [UInt8](repeating: 0, count: text.count + 1)
        let status = unsafe copenssl_gcm_open(
            key, nonce, bound, Int32(bound.count), text, Int32(text.count), Array(sealed.suffix(tagBytes)), &out)
        guard status == 1 else { return nil }
        out.removeLast()
        return out
    }
}
