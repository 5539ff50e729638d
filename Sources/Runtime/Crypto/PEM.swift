import COpenSSL

/// An X.509 certificate; counted by OpenSSL, freed with this object.
@safe final class Certificate {
    let raw: OpaquePointer

    fileprivate init(owning raw: OpaquePointer) { unsafe self.raw = raw }

    deinit { unsafe X509_free(raw) }

    /// Seconds since 1970 after which it is no longer valid.
    var notAfter: Int { Int(unsafe copenssl_seconds(X509_get0_notAfter(raw))) }

    /// Whom it is for, in one line such as `CN=helper.example.com`.
    var subject: String {
        var text = [UInt8](repeating: 0, count: 1024)
        let count = unsafe copenssl_subject(raw, &text, Int32(text.count))
        return String(decoding: text.prefix(Int(count)), as: UTF8.self)
    }
}

/// Reads what stands in PEM text (RFC 7468). Other people's blocks and words around them are skipped.
enum PEM {
    /// Certificates in their order.
    /// - Throws: when one is damaged. None at all is an empty list.
    static func certificates(_ text: [UInt8]) throws(CryptoError) -> [Certificate] {
        guard let bio = unsafe BIO_new_mem_buf(text, Int32(clamping: text.count)) else { throw .last("no memory") }
        defer { unsafe BIO_free(bio) }
        ERR_clear_error()
        var found: [Certificate] = []
        while let raw = unsafe copenssl_next_certificate(bio) {
            found.append(unsafe Certificate(owning: raw))
        }
        // OpenSSL reports the end of the text as an error, too.
        let code = ERR_peek_last_error()
        guard ERR_GET_REASON(code) == PEM_R_NO_START_LINE else {
            throw .last("certificate \(found.count + 1) is damaged")
        }
        ERR_clear_error()
        return found
    }

    /// Hands the one private key to `body`.
    /// - Throws: when there is none, it is damaged or it needs a passphrase; and what `body` throws.
    static func withPrivateKey(
        _ text: [UInt8], _ body: (OpaquePointer) throws(CryptoError) -> Void
    ) throws(CryptoError) {
        guard let bio = unsafe BIO_new_mem_buf(text, Int32(clamping: text.count)) else { throw .last("no memory") }
        defer { unsafe BIO_free(bio) }
        ERR_clear_error()
        guard let key = unsafe copenssl_private_key(bio) else {
            let reason = ERR_GET_REASON(ERR_peek_last_error())
            let encrypted = [PEM_R_BAD_PASSWORD_READ, PEM_R_BAD_DECRYPT, PEM_R_PROBLEMS_GETTING_PASSWORD]
            throw .last(
                encrypted.contains(reason)
                    ? "the private key is encrypted; store it without a passphrase" : "there is no private key")
        }
        defer { unsafe EVP_PKEY_free(key) }
        try unsafe body(key)
    }
}
