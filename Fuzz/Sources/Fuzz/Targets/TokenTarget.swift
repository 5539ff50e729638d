import Crypto
import HelperCore
import JSON

@testable import Keycloak

/// An access token. The first byte chooses: the bytes as they are, or header and payload, divided by NUL, put into the
/// form of a token. What is taken apart can be put together again, byte for byte, and what its claims say is bounded.
enum TokenTarget: FuzzTarget {
    static let name = "token"

    static func run(_ input: UnsafeBufferPointer<UInt8>) {
        let (choice, rest) = input.steered
        var token = Array(rest)
        if choice & 1 == 1 {
            let parts = rest.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
            let header = Base64URL.encode(Array(parts[0]))
            let payload = parts.count > 1 ? Base64URL.encode(Array(parts[1])) : ""
            token = Array("\(header).\(payload).c2ln".utf8)
        }
        guard let jws = try? CompactJWS(token[...], algorithms: Set(SignatureAlgorithm.allCases)) else { return }
        let again = jws.signedBytes + [0x2E] + Array(Base64URL.encode(jws.signature).utf8)
        require(again == token, "\(String(decoding: token, as: UTF8.self)) is not the only way to write it")
        require(CompactJWS.isKeyID(jws.keyID), "the key id \(jws.keyID)")
        require(jws.payload.object != nil, "the payload is no object")
    }
}

/// A published key set. Reading it twice gives the same; no key is both used and exposed.
enum KeySetTarget: FuzzTarget {
    static let name = "key-set"

    static func run(_ input: UnsafeBufferPointer<UInt8>) {
        let bytes = Array(input)
        let set = KeySet(bytes)
        require(set == KeySet(bytes), "read twice it differs")
        guard let set else { return }
        require(set.keys.count <= 100, "\(set.keys.count) keys")
        for id in set.keys.keys {
            require(CompactJWS.isKeyID(id) && !set.exposed.contains(id), "the key \(id)")
        }
    }
}
