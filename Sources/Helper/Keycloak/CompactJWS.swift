import Bytes
import Crypto
import HelperCore
import JSON

/// A token taken apart: `header.payload.signature` (RFC 7515 §7.1). Reading it proves nothing.
struct CompactJWS {
    static let bytesMax = 16 * 1024
    private static let limits = JSONLimits(maxDepth: 32, maxBytes: bytesMax, maxValues: 4_096)
    /// What a token is for, which decides what its header may say and which claims are looked at.
    enum Kind {
        case access
        case id
        case logout

        /// Values of `typ` (RFC 9068 §2.1, OpenID Connect Back-Channel Logout 1.0 §2.4), in lower case.
        fileprivate var types: Set<String> {
            switch self {
            case .access: CompactJWS.accessTypes
            case .id: ["jwt"]
            case .logout: ["jwt", "logout+jwt", "application/logout+jwt"]
            }
        }

        fileprivate var claims: JSONSelection {
            switch self {
            case .access: CompactJWS.claims
            case .id: CompactJWS.idClaims
            case .logout: CompactJWS.logoutClaims
            }
        }
    }

    /// Kinds of token that may carry an access token's claims (RFC 9068 §2.1).
    private static let accessTypes: Set<String> = ["jwt", "at+jwt", "application/at+jwt"]
    /// Members that change what the signature means, which we do not implement (RFC 7515 §4.1.11, RFC 7797, RFC 7516).
    private static let forbidden = ["crit", "b64", "zip", "enc"]

    /// Every claim that is looked at anywhere: of the others nothing is kept but that they are there.
    private static let claims = JSONSelection([
        "aud", "azp", "cnf", "email", "email_verified", "exp", "iat", "iss", "nbf", "preferred_username",
        "realm_access", "resource_access", "sub", "typ",
    ])
    private static let idClaims = JSONSelection([
        "at_hash", "aud", "azp", "exp", "iat", "iss", "nbf", "nonce", "sid", "sub", "typ",
    ])
    private static let logoutClaims = JSONSelection([
        "aud", "events", "exp", "iat", "iss", "jti", "nbf", "nonce", "sid", "sub", "typ",
    ])
    private static let dot: UInt8 = 0x2E

    let algorithm: SignatureAlgorithm
    let keyID: String
    let payload: JSONValue
    /// What was signed: header and payload as received, with the dot between them.
    let signedBytes: [UInt8]
    let signature: [UInt8]

    /// Reads a token whose header could be one of ours.
    /// - Throws: the first rule it breaks.
    init(
        _ token: ArraySlice<UInt8>, algorithms: Set<SignatureAlgorithm>, kind: Kind = .access
    ) throws(TokenRefusal) {
        guard token.count <= Self.bytesMax else { throw TokenRefusalReason.tooLong.refusal() }
        guard let parts = Self.parts(of: token) else { throw TokenRefusalReason.notCompact.refusal() }
        guard let headerBytes = Base64URL.decode(parts.header), let payloadBytes = Base64URL.decode(parts.payload),
            let signature = Base64URL.decode(parts.signature)
        else { throw TokenRefusalReason.encoding.refusal() }
        let header = try Self.object(headerBytes, .header)
        (algorithm, keyID) = try Self.checkHeader(header, algorithms, kind)
        payload = try Self.object(payloadBytes, .payload, keeping: kind.claims)
        signedBytes = Array(token[..<parts.payload.endIndex])
        self.signature = signature
    }

    /// What stands before, between and behind exactly two dots, none of it empty; else nil.
    private static func parts(
        of token: ArraySlice<UInt8>
    ) -> (header: ArraySlice<UInt8>, payload: ArraySlice<UInt8>, signature: ArraySlice<UInt8>)? {
        let bytes = token.span
        let first = bytes.first(dot)
        guard first > 0, first + 1 < bytes.count else { return nil }
        let second = first + 1 + bytes.extracting((first + 1)...).first(dot)
        guard second > first + 1, second + 1 < bytes.count,
            bytes.extracting((second + 1)...).first(dot) == bytes.count - second - 1
        else { return nil }
        let start = token.startIndex
        return (
            token[..<(start + first)], token[(start + first + 1)..<(start + second)], token[(start + second + 1)...]
        )
    }

    /// 1...256 printable ASCII characters.
    static func isKeyID(_ text: String) -> Bool {
        (1...256).contains(text.utf8.count) && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    }

    private static func object(
        _ bytes: [UInt8], _ reason: TokenRefusalReason, keeping selection: JSONSelection? = nil
    ) throws(TokenRefusal) -> JSONValue {
        guard let value = try? JSONValue(parsing: bytes, limits: limits, keeping: selection), value.object != nil else {
            throw reason.refusal()
        }
        return value
    }

    private static func checkHeader(
        _ header: JSONValue, _ algorithms: Set<SignatureAlgorithm>, _ kind: Kind
    ) throws(TokenRefusal) -> (SignatureAlgorithm, String) {
        guard let name = header["alg"]?.string, let algorithm = SignatureAlgorithm(rawValue: name),
            algorithms.contains(algorithm)
        else { throw TokenRefusalReason.algorithm.refusal(hint: TokenHints.algorithm(header["alg"]?.string)) }
        guard let keyID = header["kid"]?.string, isKeyID(keyID) else { throw TokenRefusalReason.keyID.refusal() }
        if let type = header["typ"] {
            // A long one is no type of ours, and hashing it would cost more than reading it did.
            guard let text = type.string, text.utf8.count <= 64, kind.types.contains(asciiLowercased(text)) else {
                throw TokenRefusalReason.type.refusal()
            }
        }
        // A token inside a token is not an access token (RFC 7519 §5.2).
        if header["cty"] != nil { throw TokenRefusalReason.type.refusal() }
        for name in forbidden where header[name] != nil { throw TokenRefusalReason.criticalHeader.refusal() }
        return (algorithm, keyID)
    }
}

/// Letters of ASCII in lower case and everything else as it is: Unicode's rules would let other letters pass for them.
func asciiLowercased(_ text: String) -> String {
    String(decoding: text.utf8.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
}
