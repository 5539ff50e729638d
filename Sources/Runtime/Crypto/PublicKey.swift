import COpenSSL
import Synchronization

/// A key that checks signatures. Parsed and checked once, then shared by all loops.
@safe package final class PublicKey: Sendable {
    package let kind: KeyKind
    /// Size of the modulus or of the field.
    package let bits: Int
    /// EVP_PKEY counts its references and may verify on several threads at once.
    nonisolated(unsafe) let raw: OpaquePointer
    private let verifiers = Mutex<[SignatureAlgorithm: Verifier]>([:])

    /// Takes over the reference.
    init(owning raw: OpaquePointer, kind: KeyKind) {
        unsafe self.raw = raw
        self.kind = kind
        bits = Int(unsafe EVP_PKEY_get_bits(raw))
    }

    deinit { unsafe EVP_PKEY_free(raw) }

    /// An RSA key of 2048...16384 bits with an odd exponent above 1 (RFC 7518 §3.3).
    /// - Parameters: big-endian, unsigned.
    package static func rsa(modulus: [UInt8], exponent: [UInt8]) throws(CryptoError) -> PublicKey {
        let digits = exponent.drop { $0 == 0 }
        guard let last = digits.last, last & 1 == 1, digits.count > 1 || last > 1, digits.count <= 8 else {
            throw CryptoError("the RSA exponent is not an odd number above 1")
        }
        guard modulus.count <= 2048 + 1 else { throw CryptoError("the RSA modulus is too large") }
        let raw = unsafe copenssl_rsa(modulus, Int32(modulus.count), exponent, Int32(exponent.count))
        guard let raw = unsafe raw else { throw .last("not an RSA key") }
        let key = unsafe PublicKey(owning: raw, kind: .rsa)
        guard key.bits >= 2048 else { throw CryptoError("an RSA key of \(key.bits) bits is too short") }
        return key
    }

    /// A point of the curve.
    /// - Parameters: coordinates, big-endian, exactly as wide as the curve (RFC 7518 §6.2.1.2).
    package static func ec(curve: Curve, x: [UInt8], y: [UInt8]) throws(CryptoError) -> PublicKey {
        guard x.count == curve.width, y.count == curve.width else {
            throw CryptoError("a coordinate of \(curve.rawValue) has \(curve.width) bytes")
        }
        let point = [4] + x + y
        guard let raw = unsafe copenssl_ec(curve.group, point, point.count) else { throw .last("not a point") }
        return unsafe PublicKey(owning: raw, kind: .ec(curve))
    }

    /// An Ed25519 key (RFC 8032).
    /// - Parameter bytes: 32.
    package static func ed25519(_ bytes: [UInt8]) throws(CryptoError) -> PublicKey {
        guard bytes.count == 32, let raw = unsafe EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, bytes, bytes.count)
        else { throw .last("not an Ed25519 key") }
        return unsafe PublicKey(owning: raw, kind: .ed25519)
    }

    /// Whether the signature is one of this key over that message. False, never a trap, for an algorithm that does not
    /// fit the key and for any malformed signature.
    /// - Parameter signature: as JOSE has it: ECDSA as r and s side by side.
    package func isValidSignature(_ signature: [UInt8], for message: [UInt8], algorithm: SignatureAlgorithm) -> Bool {
        guard algorithm.keyKind == kind else { return false }
        var signature = signature
        if case .ec(let curve) = kind {
            guard signature.count == 2 * curve.width else { return false }
            signature = ECDSASignature.der(signature)
        }
        guard let verifier = verifier(algorithm) else { return false }
        return verifier.verify(signature, message, by: self)
    }

    private func verifier(_ algorithm: SignatureAlgorithm) -> Verifier? {
        verifiers.withLock { verifiers in
            if let known = verifiers[algorithm] { return known }
            let made = Verifier(key: self, algorithm: algorithm)
            verifiers[algorithm] = made
            return made
        }
    }
}
