import COpenSSL

/// A key that signs. The product itself only checks signatures; identity servers for development and tests sign.
@safe package final class PrivateKey: Sendable {
    package let kind: KeyKind
    /// EVP_PKEY counts its references and may sign on several threads at once.
    nonisolated(unsafe) private let raw: OpaquePointer

    /// What a JSON Web Key says of the public half, big-endian (RFC 7518 §6, RFC 8037 §2).
    package enum Parameters: Sendable, Equatable {
        case rsa(modulus: [UInt8], exponent: [UInt8])
        case ec(Curve, x: [UInt8], y: [UInt8])
        case ed25519([UInt8])
    }

    private init(owning raw: OpaquePointer, kind: KeyKind) {
        unsafe self.raw = raw
        self.kind = kind
    }

    deinit { unsafe EVP_PKEY_free(raw) }

    /// A new RSA key.
    /// - Parameter bits: 512 or more; what is too short for `PublicKey` can still be made, to be refused.
    package static func rsa(bits: Int = 2048) throws(CryptoError) -> PrivateKey {
        guard let raw = unsafe copenssl_generate_rsa(bits) else { throw .last("no RSA key") }
        return unsafe PrivateKey(owning: raw, kind: .rsa)
    }

    /// A new key of that curve.
    package static func ec(_ curve: Curve) throws(CryptoError) -> PrivateKey {
        guard let raw = unsafe copenssl_generate_ec(curve.group) else { throw .last("no EC key") }
        return unsafe PrivateKey(owning: raw, kind: .ec(curve))
    }

    /// A new Ed25519 key.
    package static func ed25519() throws(CryptoError) -> PrivateKey {
        guard let raw = unsafe copenssl_generate_ed25519() else { throw .last("no Ed25519 key") }
        return unsafe PrivateKey(owning: raw, kind: .ed25519)
    }

    /// The public half as a JSON Web Key says it.
    package var parameters: Parameters {
        switch kind {
        case .rsa: .rsa(modulus: number(OSSL_PKEY_PARAM_RSA_N), exponent: number(OSSL_PKEY_PARAM_RSA_E))
        case .ec(let curve):
            .ec(
                curve, x: number(OSSL_PKEY_PARAM_EC_PUB_X, width: curve.width),
                y: number(OSSL_PKEY_PARAM_EC_PUB_Y, width: curve.width))
        case .ed25519: .ed25519(rawPublicKey())
        }
    }

    /// The public half.
    package func publicKey() throws(CryptoError) -> PublicKey {
        switch parameters {
        case .rsa(let modulus, let exponent): try .rsa(modulus: modulus, exponent: exponent)
        case .ec(let curve, let x, let y): try .ec(curve: curve, x: x, y: y)
        case .ed25519(let bytes): try .ed25519(bytes)
        }
    }

    /// A signature as JOSE has it.
    /// - Throws: when the algorithm does not fit the key.
    package func sign(_ message: [UInt8], algorithm: SignatureAlgorithm) throws(CryptoError) -> [UInt8] {
        guard algorithm.keyKind == kind else { throw CryptoError("the algorithm does not fit the key") }
        guard let context = unsafe EVP_MD_CTX_new() else { throw .last("no context") }
        defer { unsafe EVP_MD_CTX_free(context) }
        var parameters: OpaquePointer?
        guard unsafe EVP_DigestSignInit(context, &parameters, algorithm.digest?.raw, nil, raw) == 1 else {
            throw .last("cannot sign")
        }
        if algorithm.usesPSS, unsafe copenssl_use_pss(parameters) != 1 { throw .last("no PSS") }
        var length = 2048 + 64
        var signature = [UInt8](repeating: 0, count: length)
        guard unsafe EVP_DigestSign(context, &signature, &length, message, message.count) == 1 else {
            throw .last("cannot sign")
        }
        signature.removeLast(signature.count - length)
        guard case .ec(let curve) = kind else { return signature }
        guard let raw = ECDSASignature.raw(signature, width: curve.width) else {
            throw CryptoError("no ECDSA signature")
        }
        return raw
    }

    private func number(_ name: String, width: Int = 0) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 2048)
        let length = unsafe copenssl_number(raw, name, &bytes, Int32(bytes.count), Int32(width))
        return Array(bytes.prefix(Int(length)))
    }

    private func rawPublicKey() -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 32)
        var length = bytes.count
        unsafe EVP_PKEY_get_raw_public_key(raw, &bytes, &length)
        return Array(bytes.prefix(length))
    }
}

extension PrivateKey {
    /// A self-signed X.509 certificate in DER, as key sets carry in `x5c` (RFC 7517 §4.7).
    package func selfSignedCertificate(commonName: String) throws(CryptoError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 8 * 1024)
        let length = unsafe copenssl_self_sign(raw, commonName, &bytes, Int32(bytes.count))
        guard length > 0 else { throw .last("no certificate") }
        return Array(bytes.prefix(Int(length)))
    }

    /// The public half as SubjectPublicKeyInfo in DER (RFC 5280 §4.1.2.7).
    package func publicKeyInfo() throws(CryptoError) -> [UInt8] {
        let length = Int(unsafe i2d_PUBKEY(raw, nil))
        guard length > 0 else { throw .last("no public key") }
        var bytes = [UInt8](repeating: 0, count: length)
        _ = unsafe bytes.withUnsafeMutableBufferPointer { buffer in
            var cursor: UnsafeMutablePointer<UInt8>? = buffer.baseAddress
            return unsafe i2d_PUBKEY(raw, &cursor)
        }
        return bytes
    }
}
