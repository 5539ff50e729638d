/// Says who a bearer token speaks for.
package protocol TokenVerifier: Sendable {
    /// The verdict that needs no waiting. Never blocks, never traps, whatever the bytes are.
    func verify(_ token: ArraySlice<UInt8>) -> TokenVerdict

    /// The verdict after asking the issuer for what was missing, for which it waits. Never `undecided`.
    /// - Parameter client: the network address that the token came from: what made-up tokens cost is counted under it.
    func verifyByAsking(_ token: ArraySlice<UInt8>, from client: String) async -> TokenVerdict

    /// Seconds since signing keys were last loaded; nil before the first time.
    var keysAge: Duration? { get }

    /// Whether the last attempt to load keys failed.
    var lastLoadFailed: Bool { get }
}

/// What a verifier says of a token.
package enum TokenVerdict: Sendable {
    case accepted(Caller)
    case refused(TokenRefusal)
    /// The token may be good, but the issuer must be asked first: ask again with `verifyByAsking`.
    case undecided
    /// The issuer could not be asked: nothing can be said of the token.
    case unavailable
    /// The issuer could not be asked, and the token names a key that none of the cached ones is: brand-new, or made up.
    case unknownKeyUnavailable
}

/// Why a token was refused. The caller learns only `isExpired`; the rest is for the operator's log.
package struct TokenRefusal: Error, Sendable, Equatable {
    package let check: TokenRefusalReason
    /// How to mend the usual misconfiguration behind this.
    package let hint: String?
    package let isExpired: Bool
    /// The rule that the user name of a token breaks that is good otherwise.
    package let userNameProblem: UserNameProblem?

    package init(
        check: TokenRefusalReason, hint: String? = nil, isExpired: Bool = false, userNameProblem: UserNameProblem? = nil
    ) {
        self.userNameProblem = userNameProblem
        self.check = check
        self.hint = hint
        self.isExpired = isExpired
    }
}

/// Why a user name cannot be used.
package enum UserNameProblem: Sendable, Equatable {
    case notText
    case empty
    case tooLong(charactersMax: Int)
    case controlCharacters
}
