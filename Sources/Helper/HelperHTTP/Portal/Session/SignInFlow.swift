import Crypto
import HelperCore
import JSON

/// A sign-in that is under way, as its own cookie keeps it.
struct SignInFlow: Sendable, Equatable {
    /// Long enough for a forgotten password, short enough that a stolen one is of no use.
    static let lifetime = 600

    let secrets: SignInSecrets
    let returnPath: ReturnPath
    /// Keycloak was asked to show no page.
    let isSilent: Bool

    init(secrets: SignInSecrets, returnPath: ReturnPath, isSilent: Bool) {
        self.secrets = secrets
        self.returnPath = returnPath
        self.isSilent = isSilent
    }

    /// 256 bits each.
    static func makeSecrets() -> SignInSecrets {
        func text() -> String { Base64URL.encode(SecureRandom.bytes(32)) }
        return SignInSecrets(state: text(), nonce: text(), verifier: text())
    }

    func encoded() -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        for (name, text) in [
            ("state", secrets.state), ("nonce", secrets.nonce), ("verifier", secrets.verifier),
            ("return", returnPath.description),
        ] {
            writer.name(name)
            writer.string(text)
        }
        writer.name("silent")
        writer.bool(isSilent)
        writer.endObject()
        return writer.bytes
    }

    init?(_ bytes: [UInt8]) {
        let limits = JSONLimits(maxDepth: 2, maxBytes: SealedCookie.textBytesMax, maxValues: 20)
        guard let value = try? JSONValue(parsing: bytes, limits: limits), let state = value["state"]?.string,
            let nonce = value["nonce"]?.string, let verifier = value["verifier"]?.string,
            let path = value["return"]?.string.flatMap({ ReturnPath($0) }), let isSilent = value["silent"]?.bool
        else { return nil }
        self.init(
            secrets: SignInSecrets(state: state, nonce: nonce, verifier: verifier), returnPath: path, isSilent: isSilent
        )
    }
}
