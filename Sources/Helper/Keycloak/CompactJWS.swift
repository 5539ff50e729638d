import Crypto
import JSON

/// A token taken apart: `header.payload.signature` (RFC 7515 §7.1). Reading it proves nothing.
struct CompactJWS {
    static let bytesMax = 16 * 1024
    private static let limits = JSONLimits(maxDepth: 32, maxBytes: bytesMax, maxValues: 4_096)
    /// Kinds of token that may carry an access token's claims (RFC 9068 §2.1).
    private static let types: Set<String> = ["jwt", "at+jwt", "application/at+jwt"]
    /// Members that change what the signature means, which we do not implement (RFC 7515 §4.1.11, RFC 7797, RFC 7516).
    private static let forbidden = ["crit", "b64", "zip", "enc"]

    let algorithm: SignatureAlgorithm
    let keyID: String
    let payload: JSONValue
    /// What was signed: header and payload as received, with the dot between them.
    let signedBytes: [UInt8]
    let signature: [UInt8]

    /// Reads a token whose header could be one of ours.
    /// - Throws: the first rule it breaks.
    init(_ token: [UInt8], algorithms: Set<SignatureAlgorithm>) throws(TokenRefusalReason) {
        guard token.count <= Self.bytesMax else { throw .tooLong }
        let parts = token.split(separator: 0x2E, omittingEmptySubsequences: false)
        guard parts.count == 3, parts.allSatisfy({ !$0.isEmpty }) else { throw .notCompact }
        guard let headerBytes = Base64URL.decode(parts[0]), let payloadBytes = Base64URL.decode(parts[1]),
            let signature = Base64URL.decode(parts[2])
        else { throw .encoding }
        let header = try Self.object(headerBytes, .header)
        (algorithm, keyID) = try Self.checkHeader(header, algorithms)
        payload = try Self.object(payloadBytes, .payload)
        signedBytes = Array(token[..<parts[1].endIndex])
        self.signature = signature
    }

    private static func object(
        _ bytes: [UInt8], _ reason: TokenRefusalReason
    ) throws(TokenRefusalReason) -> JSONValue {
        guard let value = try? JSONValue(parsing: bytes, limits: limits), value.object != nil else { throw reason }
        return value
    }

    private static func checkHeader(
        _ header: JSONValue, _ algorithms: Set<SignatureAlgorithm>
    ) throws(TokenRefusalReason) -> (SignatureAlgorithm, String) {
        guard let name = header["alg"]?.string, let algorithm = SignatureAlgorithm(rawValue: name),
            algorithms.contains(algorithm)
        else { throw .algorithm }
        guard let keyID = header["kid"]?.string, (1...256).contains(keyID.utf8.count),
            keyID.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { throw .keyID }
        if let type = header["typ"] {
            guard let text = type.string, types.contains(text.lowercased()) else { throw .type }
        }
        // A token inside a token is not an access token (RFC 7519 §5.2).
        if header["cty"] != nil { throw .type }
        for name in forbidden where header[name] != nil { throw .criticalHeader }
        return (algorithm, keyID)
    }
}
