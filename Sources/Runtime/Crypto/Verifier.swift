import COpenSSL
import Synchronization

/// Checks signatures of one algorithm by one key. Costly parts are set up once and used again and again.
@safe final class Verifier: Sendable {
    private enum Method: Sendable {
        /// The message is hashed, and its digest checked by a context that no other thread uses meanwhile.
        case digest(Digest)
        /// The message itself is checked, by a copy of this context.
        case message(MessageContext)
    }

    private let algorithm: SignatureAlgorithm
    private let method: Method
    /// Contexts that wait to be used again: as many as have been needed at a time.
    private let idle = Mutex<[DigestContext]>([])

    /// Nil when OpenSSL cannot set it up.
    init?(key: PublicKey, algorithm: SignatureAlgorithm) {
        self.algorithm = algorithm
        if let digest = algorithm.digest {
            method = .digest(digest)
        } else {
            guard let context = MessageContext(key) else { return nil }
            method = .message(context)
        }
    }

    /// - Parameter key: the one it was made for, which keeps this verifier and therefore is not kept by it.
    func verify(_ signature: [UInt8], _ message: [UInt8], by key: PublicKey) -> Bool {
        defer { ERR_clear_error() }
        switch method {
        case .digest(let digest):
            let ready = idle.withLock { $0.popLast() }
            guard let context = ready ?? DigestContext(key, algorithm, digest),
                context.verify(signature, digest.hash(message))
            else { return false }  // One that has failed is not used again.
            idle.withLock { $0.append(context) }
            return true
        case .message(let context): return context.verify(signature, message)
        }
    }
}

/// Checks digests.
@safe private final class DigestContext: Sendable {
    /// Used by the thread that has taken the context out of the verifier's list, and by no other.
    nonisolated(unsafe) private let raw: OpaquePointer

    init?(_ key: PublicKey, _ algorithm: SignatureAlgorithm, _ digest: Digest) {
        guard let context = unsafe EVP_PKEY_CTX_new_from_pkey(nil, key.raw, nil) else { return nil }
        unsafe raw = context
        guard unsafe EVP_PKEY_verify_init(context) == 1,
            unsafe EVP_PKEY_CTX_set_signature_md(context, digest.raw) == 1
        else { return nil }
        if algorithm.usesPSS, unsafe copenssl_use_pss(context) != 1 { return nil }
    }

    deinit { unsafe EVP_PKEY_CTX_free(raw) }

    func verify(_ signature: [UInt8], _ digest: [UInt8]) -> Bool {
        unsafe EVP_PKEY_verify(raw, signature, signature.count, digest, digest.count) == 1
    }
}

/// Checks messages, for algorithms that hash them in a way of their own.
@safe private final class MessageContext: Sendable {
    /// Only ever copied from, which leaves it as it is.
    nonisolated(unsafe) private let template: OpaquePointer

    init?(_ key: PublicKey) {
        guard let context = unsafe EVP_MD_CTX_new() else { return nil }
        unsafe template = context
        guard unsafe EVP_DigestVerifyInit(context, nil, nil, nil, key.raw) == 1 else { return nil }
    }

    deinit { unsafe EVP_MD_CTX_free(template) }

    func verify(_ signature: [UInt8], _ message: [UInt8]) -> Bool {
        guard let context = unsafe EVP_MD_CTX_new() else { return false }
        defer { unsafe EVP_MD_CTX_free(context) }
        guard unsafe EVP_MD_CTX_copy_ex(context, template) == 1 else { return false }
        return unsafe EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
    }
}
