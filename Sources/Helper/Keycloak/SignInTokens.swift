import Crypto
import HelperCore
import JSON

/// The tokens of a sign-in and of its end, which speak to us as a client and not as a server of resources.
extension KeycloakTokenVerifier {
    /// The claims of a token whose signature is good, and whose they are.
    private struct Signed {
        let claims: JSONValue
        let algorithm: SignatureAlgorithm
        /// As the token names it.
        let issuer: String
        let identityIssuer: String
    }

    /// What an ID token says.
    struct IDToken: Sendable, Equatable {
        let issuer: String
        let identityIssuer: String
        let subject: String
        /// `sid`.
        let login: String?
    }

    /// Checks an ID token (OpenID Connect Core 1.0 §3.1.3.7).
    /// - Parameters:
    ///   - accessToken: came with it.
    ///   - client: the network address of the browser.
    func idToken(
        _ token: ArraySlice<UInt8>, nonce: String, accessToken: ArraySlice<UInt8>, from client: String
    ) async throws(SignInError) -> IDToken {
        let signed = try await signed(token, .id, from: client)
        do throws(TokenRefusal) {
            let claims = signed.claims
            try ClaimChecks(policy: policy, now: now()).checkTimes(claims)
            try checkKind(claims, is: "id")
            try checkAudience(claims, allowsOthers: false)
            guard let said = claims["nonce"]?.string, ExactName(said) == ExactName(nonce) else {
                throw TokenRefusalReason.kind.refusal(hint: "The ID token's 'nonce' is not the one of this sign-in.")
            }
            if let hash = claims["at_hash"] {
                guard let expected = signed.algorithm.halfHash(of: Array(accessToken)), hash.string == expected else {
                    throw TokenRefusalReason.kind.refusal(
                        hint: "The ID token's 'at_hash' is not that of the access token beside it.")
                }
            }
            return IDToken(
                issuer: signed.issuer, identityIssuer: signed.identityIssuer, subject: try name(claims, "sub"),
                login: claims["sid"]?.string)
        } catch {
            throw .token(error)
        }
    }

    private static let logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

    /// Checks a logout token (OpenID Connect Back-Channel Logout 1.0 §2.6), but not whether it has been seen before.
    func logoutToken(_ token: ArraySlice<UInt8>, from client: String) async throws(SignInError) -> EndedLogin {
        let signed = try await signed(token, .logout, from: client)
        do throws(TokenRefusal) {
            let claims = signed.claims
            try ClaimChecks(policy: policy, now: now()).checkTimes(claims)
            try checkKind(claims, is: "logout")
            try checkAudience(claims, allowsOthers: true)
            guard claims["iat"] != nil else { throw TokenRefusalReason.times.refusal() }
            // A nonce would make it an ID token, which its owner's browser can get.
            guard claims["events"]?[Self.logoutEvent]?.object != nil, claims["nonce"] == nil else {
                throw TokenRefusalReason.kind.refusal()
            }
            let login = claims["sid"] == nil ? nil : try name(claims, "sid")
            let subject = claims["sub"] == nil ? nil : try name(claims, "sub")
            guard login != nil || subject != nil else { throw TokenRefusalReason.subject.refusal() }
            return EndedLogin(
                issuer: signed.identityIssuer, login: login, subject: subject, id: try name(claims, "jti"))
        } catch {
            throw .token(error)
        }
    }

    // MARK: Checks

    private func signed(
        _ token: ArraySlice<UInt8>, _ kind: CompactJWS.Kind, from client: String
    ) async throws(SignInError) -> Signed {
        let jws: CompactJWS
        let found: (identity: String, keys: IssuerKeys)
        do throws(TokenRefusal) {
            jws = try CompactJWS(token, algorithms: policy.algorithms, kind: kind)
            found = try issuer(of: jws)
        } catch {
            throw .token(error)
        }
        switch await found.keys.lookUpAfterFetch(jws.keyID, from: client) {
        case .fetch, .unavailable, .unknownUnavailable: throw .unavailable("no usable signing keys")
        case .absent: throw .token(TokenRefusalReason.unknownKey.refusal())
        case .found(let key, _):
            do throws(TokenRefusal) { try checkSignature(jws, key) } catch { throw .token(error) }
        }
        return Signed(
            claims: jws.payload, algorithm: jws.algorithm, issuer: jws.payload["iss"]?.string ?? "",
            identityIssuer: found.identity)
    }

    /// Keycloak says what each of its tokens is; other providers need not.
    private func checkKind(_ claims: JSONValue, is kind: String) throws(TokenRefusal) {
        guard let type = claims["typ"] else { return }
        guard let text = type.string, text.utf8.count <= 64, asciiLowercased(text) == kind else {
            throw TokenRefusalReason.kind.refusal()
        }
    }

    /// Whether the token is for our client, whatever audiences access tokens may have.
    /// - Parameter allowsOthers: does not ask which of several audiences it was issued to.
    private func checkAudience(_ claims: JSONValue, allowsOthers: Bool) throws(TokenRefusal) {
        let ours = ExactName(policy.clientID)
        var audiences: [String] = []
        switch claims["aud"] {
        case .string(let one): audiences = [one]
        case .array(let several): audiences = several.compactMap(\.string)
        default: break
        }
        guard audiences.contains(where: { ExactName($0) == ours }) else { throw TokenRefusalReason.audience.refusal() }
        if allowsOthers { return }
        let party = claims["azp"]?.string
        guard party.map({ ExactName($0) == ours }) ?? (claims["azp"] == nil && audiences.count == 1) else {
            throw TokenRefusalReason.authorizedParty.refusal()
        }
    }

    /// A claim that must be a text of 1...256 bytes.
    private func name(_ claims: JSONValue, _ claim: String) throws(TokenRefusal) -> String {
        guard let text = claims[claim]?.string, (1...256).contains(text.utf8.count) else {
            throw TokenRefusalReason.subject.refusal()
        }
        return text
    }
}
