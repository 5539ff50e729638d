import Crypto
import HTTP
package import HelperCore
import JSON

/// Signs people in with Keycloak, or with another provider of OpenID Connect that has a discovery document.
package struct KeycloakSignIn: SignInProvider {
    private static let limits = JSONLimits(maxDepth: 8, maxBytes: tokensBytesMax, maxValues: 1_000)
    /// Of an answer of the token endpoint: three tokens and a few words.
    static let tokensBytesMax = 64 * 1024

    private let clientID: String
    private let verifier: KeycloakTokenVerifier
    private let codes: any CodeSource
    private let breakerKey: String
    private let endpoints: SignInEndpoints

    /// - Parameters:
    ///   - realmURL: as this process reaches it.
    ///   - codes: authenticates us by client id and secret.
    package init(realmURL: String, verifier: KeycloakTokenVerifier, source: any KeySource & CodeSource) {
        clientID = verifier.policy.clientID
        self.verifier = verifier
        codes = source
        breakerKey = Self.breakerKey(realmURL)
        endpoints = SignInEndpoints(realmURL: realmURL, source: source)
    }

    package func authorizationURL(
        for secrets: SignInSecrets, returningTo redirectURI: String, prompt: SignInPrompt?
    ) async throws(SignInError) -> String {
        let challenge = Base64URL.encode(SHA256.hash(Array(secrets.verifier.utf8)))
        var query = [
            ("response_type", "code"), ("client_id", clientID), ("redirect_uri", redirectURI), ("scope", "openid"),
            ("state", secrets.state), ("nonce", secrets.nonce), ("code_challenge", challenge),
            ("code_challenge_method", "S256"),
        ]
        if let prompt { query.append(("prompt", prompt.rawValue)) }
        return Self.url(try await endpoints.current().authorization, query)
    }

    package func redeem(
        code: String, issuer: String?, for secrets: SignInSecrets, returningTo redirectURI: String, client: String
    ) async throws(SignInError) -> SignedIn {
        let known = try await endpoints.current()
        if let issuer {
            guard verifier.policy.issuers.contains(where: { ExactName($0) == ExactName(issuer) }) else {
                throw .refused("the answer names another issuer than the configured one")
            }
        } else if known.namesIssuer {
            throw .refused("the answer names no issuer, though Keycloak says that it does")
        }
        let (access, id) = try await tokens(
            [
                ("grant_type", "authorization_code"), ("code", code), ("redirect_uri", redirectURI),
                ("code_verifier", secrets.verifier),
            ], at: known.token)
        let token = try await verifier.idToken(id, nonce: secrets.nonce, accessToken: access, from: client)
        if let issuer, ExactName(issuer) != ExactName(token.issuer) {
            throw .refused("the ID token's issuer is not the one that the answer names")
        }
        let caller = try await caller(access, from: client)
        guard ExactName(caller.subject) == ExactName(token.subject),
            ExactName(caller.issuer) == ExactName(token.identityIssuer)
        else { throw .refused("the ID token and the access token speak of different people") }
        return SignedIn(caller: caller, login: token.login)
    }

    package func endSessionURL(returningTo url: String) async throws(SignInError) -> String {
        guard let endpoint = try await endpoints.current().endSession else {
            throw .misconfigured("the discovery document names no end_session_endpoint")
        }
        // Without a token as a hint, which would stand in histories and logs: Keycloak asks the person first.
        return Self.url(endpoint, [("client_id", clientID), ("post_logout_redirect_uri", url)])
    }

    package func endedLogin(
        by logoutToken: ArraySlice<UInt8>, client: String
    ) async throws(SignInError) -> EndedLogin {
        try await verifier.logoutToken(logoutToken, from: client)
    }

    // MARK: Inside

    /// Names the circuit breakers of sign-in. They are not those of the realm's signing keys and introspection: anyone can make
    /// sign-ins fail, and the API must go on.
    static func breakerKey(_ realmURL: String) -> String { "sign-in at \(realmURL)" }

    private func tokens(
        _ form: [(String, String)], at url: String
    ) async throws(SignInError) -> (access: ArraySlice<UInt8>, id: ArraySlice<UInt8>) {
        let answer: [UInt8]
        do throws(KeySourceError) {
            answer = try await codes.exchange(Self.encoded(form), at: url, for: breakerKey)
        } catch {
            switch error.kind {
            case .request: throw .refused(error.description)
            case .credentials: throw .misconfigured(error.description)
            case .issuer: throw .unavailable(error.description)
            }
        }
        guard let object = try? JSONValue(parsing: answer, limits: Self.limits),
            let access = object["access_token"]?.string, let id = object["id_token"]?.string
        else { throw .unavailable("the token endpoint answered 200 without an access token and an ID token") }
        return (Array(access.utf8)[...], Array(id.utf8)[...])
    }

    /// Checks the access token as that of any call is checked, so that a person may do here what they may do there.
    private func caller(_ token: ArraySlice<UInt8>, from client: String) async throws(SignInError) -> Caller {
        var verdict = verifier.verify(token)
        if case .undecided = verdict { verdict = await verifier.verifyByAsking(token, from: client) }
        switch verdict {
        case .accepted(let caller): return caller
        case .refused(let refusal): throw .token(refusal)
        case .undecided, .unavailable, .unknownKeyUnavailable:
            throw .unavailable("no usable signing keys, or no answer to an introspection")
        }
    }

    private static func encoded(_ pairs: [(String, String)]) -> String {
        pairs.map { "\($0)=\(PercentEncoding.encode($1))" }.joined(separator: "&")
    }

    private static func url(_ endpoint: String, _ query: [(String, String)]) -> String {
        endpoint + (endpoint.contains("?") ? "&" : "?") + encoded(query)
    }
}
