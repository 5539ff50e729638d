/// What an operator can check or change after an answer of a dependency that is of no use, as one sentence without a full
/// stop: beside its cause in the log, and in the doctor's report.
package enum DependencyAdvice {
    /// After an answer of 3scale.
    /// - Parameters:
    ///   - isPage: whether it is a page for people, which 3scale's API never answers.
    ///   - isEmpty: whether it has no body.
    ///   - isUsage: whether it was asked for usage.
    package static func threeScale(
        status: Int, isPage: Bool, isEmpty: Bool = false, isUsage: Bool = false
    ) -> String {
        switch status {
        case _ where isPage: threeScalePage
        case 403 where isEmpty: threeScaleSuspended
        case 403 where isUsage: threeScaleStatistics
        case 403: threeScaleToken
        case 401:
            "3scale's API answers no 401: a proxy in front of it asks for credentials; let this host through, and check "
                + "THREESCALE_ADMIN_API_URL"
        case 404: "Set THREESCALE_ADMIN_API_URL to the tenant's admin portal, not to the developer portal"
        case 429: threeScaleLimit
        case 300...399: "Use the https address in THREESCALE_ADMIN_API_URL"
        case 500...599: threeScaleFault
        default: "Check THREESCALE_ADMIN_API_URL"
        }
    }

    /// 3scale refuses everything without a word.
    package static let threeScaleSuspended =
        "The tenant is suspended: have it resumed in the master portal"

    /// 3scale refuses our token.
    package static let threeScaleToken =
        "Run mlaas-helper doctor, which tells a wrong token from a missing scope; then set THREESCALE_ADMIN_API_KEY"

    /// 3scale lets our token read no statistics.
    package static let threeScaleStatistics =
        "Give the admin token the scope 'Analytics API' (stats), and its owner the permission for analytics (monitoring)"

    /// A firewall, a proxy or a sign-in page answers in 3scale's place.
    package static let threeScalePage =
        "A firewall, proxy or sign-in page answers: let this host through to the admin portal, and check "
        + "THREESCALE_ADMIN_API_URL, HTTPS_PROXY and NO_PROXY"

    /// 3scale answers 429.
    package static let threeScaleLimit =
        "Have the limit for this host raised, or raise CATALOG_REFRESH_SECONDS and lower THREESCALE_MAX_CONCURRENCY"

    /// 3scale answers 5xx.
    package static let threeScaleFault = "Look into the logs of 3scale's system-app"

    /// After an answer of Keycloak.
    /// - Parameter isIntrospection: whether it was asked about a token, with the client's credentials.
    package static func keycloak(status: Int, isIntrospection: Bool = false) -> String {
        switch status {
        case 401 where isIntrospection, 403 where isIntrospection: keycloakCredentials
        case 404: keycloakRealm
        case 401, 403: "Keycloak may ask for https: check the scheme of KEYCLOAK_URL"
        case 429: "Have the limit for this host raised in front of Keycloak, or raise KEYCLOAK_KEYS_COOLDOWN"
        case 500...599: "Look into Keycloak's log, and check KEYCLOAK_URL"
        default: "Check KEYCLOAK_URL, HTTPS_PROXY and NO_PROXY: what answers is not Keycloak"
        }
    }

    /// Keycloak refuses the client's credentials.
    package static let keycloakCredentials =
        "Set KEYCLOAK_CLIENT_SECRET to the secret of KEYCLOAK_CLIENT_ID, which must be a confidential client"

    /// Keycloak answers 404 at the realm.
    package static let keycloakRealm =
        "Check KEYCLOAK_REALM, where upper and lower case matter, and whether KEYCLOAK_URL needs a path such as /auth"
}
