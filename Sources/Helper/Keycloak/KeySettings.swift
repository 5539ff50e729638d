/// When keys are fetched.
package struct KeySettings: Sendable {
    /// Keys older than this are fetched again in the background.
    package var refreshAfter = Duration.seconds(600)
    /// Between fetches that tokens with unknown key ids may cause.
    package var cooldown = Duration.seconds(30)
    /// Keys older than this are not used.
    package var maxStale = Duration.seconds(24 * 3_600)

    package init() {}

    var cache: KeySetCache.Settings {
        KeySetCache.Settings(refreshAfter: refreshAfter, cooldown: cooldown, maxStale: maxStale)
    }
}

/// Where issuers are reached, apart from what they are called.
package struct IssuerPlaces: Sendable {
    /// `{server}/realms/{realm}` as this process reaches it.
    package var realmURL: String
    /// Fetches the keys of all issuers from there.
    package var keySetURL: String?
    package var introspectionURL: String?

    package init(realmURL: String, keySetURL: String? = nil, introspectionURL: String? = nil) {
        self.realmURL = realmURL
        self.keySetURL = keySetURL
        self.introspectionURL = introspectionURL
    }

    /// With a split front and back channel the one issuer is public and the realm's URL is internal. Several issuers are
    /// each reached by their own name.
    func base(of issuer: String, among issuers: [String]) -> String { issuers.count == 1 ? realmURL : issuer }
}
