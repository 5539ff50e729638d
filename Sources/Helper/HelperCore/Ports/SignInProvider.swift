/// Signs people in on their issuer's own pages, by authorization code with PKCE (OpenID Connect Core 1.0 §3.1, RFC 7636), and
/// keeps no token of theirs.
///
/// Every conformer owes: what the browser brought back is only believed after the issuer and the signatures of both tokens
/// have vouched for it. All calls are safe to repeat, but a code is good once.
package protocol SignInProvider: Sendable {
    /// Where the browser is sent to sign in.
    func authorizationURL(
        for secrets: SignInSecrets, returningTo redirectURI: String, prompt: SignInPrompt?
    ) async throws(SignInError) -> String

    /// Exchanges the code that the browser brought back, and checks both tokens.
    /// - Parameters:
    ///   - issuer: what the browser says sent it (RFC 9207); nil where it says nothing.
    ///   - client: the network address of the browser.
    func redeem(
        code: String, issuer: String?, for secrets: SignInSecrets, returningTo redirectURI: String, client: String
    ) async throws(SignInError) -> SignedIn

    /// Where the browser is sent to end the issuer's own session.
    func endSessionURL(returningTo url: String) async throws(SignInError) -> String

    /// Which logins a logout token ends (OpenID Connect Back-Channel Logout 1.0 §2.6).
    /// - Parameter client: the network address that the token came from.
    func endedLogin(by logoutToken: ArraySlice<UInt8>, client: String) async throws(SignInError) -> EndedLogin
}

/// What only we know while a person signs in.
package struct SignInSecrets: Sendable, Equatable {
    /// Ties the answer to this browser.
    package let state: String
    /// Ties the ID token to this sign-in.
    package let nonce: String
    /// Ties the code to us (RFC 7636 §4.1).
    package let verifier: String

    package init(state: String, nonce: String, verifier: String) {
        self.state = state
        self.nonce = nonce
        self.verifier = verifier
    }
}

/// What the issuer is asked to show (OpenID Connect Core 1.0 §3.1.2.1).
package enum SignInPrompt: String, Sendable {
    /// No page at all: the issuer's session decides.
    case none
    /// The login page, though there may be a session.
    case login
}

/// Who has signed in.
package struct SignedIn: Sendable, Equatable {
    package let caller: Caller
    /// The issuer's session (`sid`), where it names one.
    package let login: String?

    package init(caller: Caller, login: String?) {
        self.caller = caller
        self.login = login
    }
}

/// The logins that have ended at an issuer.
package struct EndedLogin: Sendable, Equatable {
    /// The identity issuer.
    package let issuer: String
    /// The one session that has ended; nil ends all of the subject.
    package let login: String?
    package let subject: String?
    /// The token's own (`jti`): what it says is true once.
    package let id: String

    package init(issuer: String, login: String?, subject: String?, id: String) {
        self.issuer = issuer
        self.login = login
        self.subject = subject
        self.id = id
    }
}

/// Why a sign-in, or a logout, went no further.
package enum SignInError: Error, Sendable, Equatable {
    /// The issuer could not be asked, or gave no answer of use.
    case unavailable(String)
    /// The issuer refuses us: client id, secret or settings are wrong.
    case misconfigured(String)
    /// The answer that the browser brought is not good, or is so no longer: signing in again helps.
    case refused(String)
    /// A token was refused that the issuer has just made.
    case token(TokenRefusal)
}
