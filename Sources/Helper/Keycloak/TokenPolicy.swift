package import Crypto

/// Which tokens are accepted.
package struct TokenPolicy: Sendable {
    /// Compared byte for byte: a trailing slash makes another issuer.
    package var issuers: [String]
    /// One of them must be in `aud`.
    package var audiences: Set<String>
    /// Our own client id.
    package var clientID: String
    /// Also accept a token that was issued *to* our client, whatever its audience.
    package var allowsAuthorizedParty: Bool
    package var algorithms: Set<SignatureAlgorithm>
    /// How far clocks may be apart.
    package var clockSkew: Duration

    package init(
        issuers: [String], audiences: Set<String>, clientID: String, allowsAuthorizedParty: Bool = false,
        algorithms: Set<SignatureAlgorithm> = [.rs256], clockSkew: Duration = .seconds(30)
    ) {
        self.issuers = issuers
        self.audiences = audiences
        self.clientID = clientID
        self.allowsAuthorizedParty = allowsAuthorizedParty
        self.algorithms = algorithms
        self.clockSkew = clockSkew
    }
}
