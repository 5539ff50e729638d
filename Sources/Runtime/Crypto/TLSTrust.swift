import COpenSSL

/// Roots that are trusted, parsed once and shared by every session of every loop: the system's two megabytes of PEM would
/// otherwise be read and kept for each connection.
///
/// `@unchecked` is not needed: the store is counted and locked by OpenSSL, and not changed after `init`.
@safe package final class TLSTrust: Sendable {
    nonisolated(unsafe) let store: OpaquePointer
    /// Trusts the peer that shows the first certificate of a PEM text, whatever its signer and its end.
    package convenience init(pinned pem: [UInt8]) throws(CryptoError) {
        guard let certificate = try PEM.certificates(pem).first else {
            throw CryptoError("there is no PEM certificate")
        }
        try self.init(bundles: [])
        unsafe X509_STORE_set_flags(store, UInt(X509_V_FLAG_NO_CHECK_TIME))
        guard unsafe X509_STORE_add_cert(store, certificate.raw) == 1 else { throw .last("no memory") }
    }

    /// - Parameter bundles: PEM texts, each with its name for messages. A certificate that is there twice is no problem.
    /// - Throws: naming the bundle that is damaged or holds no certificate.
    package init(bundles: [(name: String, pem: [UInt8])]) throws(CryptoError) {
        guard let store = unsafe X509_STORE_new() else { throw .last("no memory") }
        unsafe self.store = store
        // As libcurl has it: the shortest chain to something trusted is good, an intermediate or the peer's own
        // certificate in the bundle included.
        unsafe X509_STORE_set_flags(store, UInt(X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN))
        for bundle in bundles {
            let certificates: [Certificate]
            do throws(CryptoError) {
                certificates = try PEM.certificates(bundle.pem)
            } catch {
                throw CryptoError("'\(bundle.name)': \(error)")
            }
            if certificates.isEmpty { throw CryptoError("'\(bundle.name)' holds no PEM certificate") }
            for certificate in certificates {
                guard unsafe X509_STORE_add_cert(store, certificate.raw) == 1 else { throw .last("no memory") }
            }
        }
    }

    deinit { unsafe X509_STORE_free(store) }

    /// Makes an `SSL_CTX` that another library has made trust these roots, and nothing else.
    /// - Parameter context: an `SSL_CTX *`, as libcurl hands to `CURLOPT_SSL_CTX_FUNCTION`. It takes a reference.
    @unsafe package func install(inContext context: UnsafeMutableRawPointer) {
        unsafe SSL_CTX_set1_cert_store(OpaquePointer(context), store)
    }
}
