package import Crypto
package import HelperCore

/// Which tokens are accepted.
package struct TokenPolicy: Sendable {
    /// Compared byte for byte: a trailing slash makes another issuer.
    package var issuers: [String]
    /// The identity issuer of an accepted issuer: the name that its realm is known by for ever, and that owner marks are made
    /// of. An issuer that is not listed is its own.
    package var identityIssuers: [ExactName: String]
    /// One of them must be in `aud`.
    package var audiences: Set<ExactName>
    /// Our own client id.
    package var clientID: String
    /// Also accept a token that was issued *to* our client, whatever its audience.
    package var allowsAuthorizedParty: Bool
    /// The clients whose tokens are accepted (`azp`); nil accepts those of all.
    package var authorizedParties: Set<ExactName>?
    package var algorithms: Set<SignatureAlgorithm>
    /// The roles that decide anything: of others nothing is remembered.
    package var roles: Set<ExactName>
    /// How far clocks may be apart, in whole seconds.
    package var clockSkew: Duration
    /// The longest time from `iat` to `exp`; nil sets none.
    package var maxLifetime: Duration?

    package init(
        issuers: [String], identityIssuers: [ExactName: String] = [:], audiences: Set<ExactName>, clientID: String,
        allowsAuthorizedParty: Bool = false,
        authorizedParties: Set<ExactName>? = nil, algorithms: Set<SignatureAlgorithm> = [.rs256],
        roles: Set<ExactName> = [], clockSkew: Duration = .seconds(30), maxLifetime: Duration? = nil
    ) {
        self.issuers = issuers
        self.identityIssuers = identityIssuers
        self.audiences = audiences
        self.clientID = clientID
        self.allowsAuthorizedParty = allowsAuthorizedParty
        self.authorizedParties = authorizedParties
        self.algorithms = algorithms
        self.roles = roles
        self.clockSkew = clockSkew
        self.maxLifetime = maxLifetime
    }

    /// Gives every issuer without an identity of its own the first one's: issuers that share one key set are one realm under
    /// several host names.
    package mutating func shareIdentity() {
        guard let first = issuers.first else { return }
        let shared = identityIssuer(of: first)
        for issuer in issuers where identityIssuers[ExactName(issuer)] == nil {
            identityIssuers[ExactName(issuer)] = shared
        }
    }

    /// Returns the identity issuer of an accepted issuer.
    package func identityIssuer(of issuer: String) -> String { identityIssuers[ExactName(issuer)] ?? issuer }

    /// The skew in seconds.
    var skew: Double { Double(clockSkew.components.seconds) }
}
