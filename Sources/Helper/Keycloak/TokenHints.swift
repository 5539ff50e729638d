import Crypto
import HelperCore
import JSON

/// How to mend the misconfigurations that refuse good people's tokens: words for the operator's log. What a token says is
/// repeated only where its signature was found good, or in a form that cannot be anything but a URL, and cut short.
enum TokenHints {
    private static let textMax = 200

    /// For an algorithm that is not accepted.
    static func algorithm(_ name: String?) -> String? {
        switch name {
        case "HS256", "HS512":
            "An access token of Keycloak is never signed with \(name ?? ""): a refresh token was probably sent."
        case let name?:
            SignatureAlgorithm(rawValue: name).map {
                "The token is signed with \($0.rawValue): list it in KEYCLOAK_ALGORITHMS if Keycloak is meant to use it."
            }
        case nil: nil
        }
    }

    /// For an issuer that is not accepted: only where one of ours is meant, since any client can send anything else.
    static func issuer(_ received: String?, accepted: [String]) -> String? {
        guard let received, received.utf8.count <= textMax, received.utf8.allSatisfy(isURLByte) else { return nil }
        for issuer in accepted {
            guard let words = IssuerDifference.words(received, issuer) else { continue }
            let hint = "The token's issuer '\(received)' and the accepted '\(issuer)' \(words): "
            if IssuerDifference.areTwoRealms(received, issuer) {
                return hint + "check KEYCLOAK_REALM; list both in KEYCLOAK_ISSUERS only if both realms' users may call."
            }
            return hint
                + (IssuerDifference.areOneRealm(received, issuer)
                    ? "give Keycloak one fixed hostname, or list both in KEYCLOAK_ISSUERS."
                    : "issuers are compared byte for byte; set KEYCLOAK_ISSUERS to what the tokens say.")
        }
        return nil
    }

    /// For an audience that is not ours.
    static func audience(_ received: [String], _ policy: TokenPolicy, authorizedParty: String?) -> String {
        let expected = policy.audiences.map(\.description).sorted().joined(separator: ", ")
        let found = received.isEmpty ? "none" : received.map(shown).joined(separator: ", ")
        var hint = "'aud' should hold one of: \(expected); it holds: \(String(found.prefix(textMax)))."
        hint += " KEYCLOAK_AUDIENCE says what is accepted."
        if received.isEmpty || received == ["account"] {
            hint +=
                " Keycloak puts a client into 'aud' only with an audience mapper: add one for '\(policy.clientID)' to "
                + "the client that requested the token, or to one of its client scopes."
        }
        if authorizedParty == policy.clientID {
            hint += " The token was issued to '\(policy.clientID)' itself: KEYCLOAK_ALLOW_AZP=true accepts that."
        }
        return hint
    }

    /// For another kind of token.
    static func kind(_ type: String?) -> String? {
        switch type {
        case "ID": "An ID token was sent; send the access token."
        case "Refresh", "Offline": "A refresh token was sent; send the access token."
        case "DPoP": "The token is bound to a key (DPoP), which is not supported: switch it off for the client."
        default: nil
        }
    }

    static func subject(isMissing: Bool) -> String? {
        guard isMissing else { return nil }
        return
            "The token has no 'sub': the client has lightweight access tokens switched on (KEYCLOAK_INTROSPECTION=true "
            + "accepts those), or lacks the client scope 'basic'."
    }

    static let clock =
        "The clocks of this host and of Keycloak are apart by more than the skew allowed: set both by NTP."

    static func authorizedParty(_ received: String?) -> String {
        "Tokens issued to '\(shown(received ?? ""))' are not accepted: KEYCLOAK_AUTHORIZED_PARTIES does not list it."
    }

    private static func isURLByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x2F, 0x3A, 0x5F, 0x7E, 0x25, 0x5B, 0x5D: true
        default: false
        }
    }

    private static func shown(_ text: String) -> String {
        String(text.unicodeScalars.prefix(64).map { $0.properties.isWhitespace ? " " : Character($0) })
    }
}
