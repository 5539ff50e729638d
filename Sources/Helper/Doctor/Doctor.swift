import Crypto
import HTTP
import HTTPClient
package import HelperCore
import JSON
import ThreeScale

/// Asks the configured systems and runs every check. Keycloak and 3scale are only read; what `redis` tries leaves nothing
/// behind.
package struct Doctor: Sendable {
    /// The systems to examine, and with what.
    package struct Plan: Sendable {
        package var realmURL: String
        package var keySetURL: String?
        package var clientID: String
        /// With it a token of the client itself is looked at.
        package var clientSecret: String?
        package var issuers: [String]
        package var audiences: [String]
        package var algorithms: [String]
        package var clockSkew: Duration
        /// Without `/admin/api`.
        package var threeScaleURL: String
        package var threeScaleToken: String
        package var pageSize: Int
        /// Which callers are let in.
        package var access = AccessPolicy()
        /// The system name of MLAAS_DEFAULT_PLAN.
        package var defaultPlan: String?
        /// Whether Keycloak is asked about each token.
        package var introspects = false
        /// Instead of what discovery says.
        package var introspectionURL: String?
        /// The names that owner marks are made of, and other names of the same realms.
        package var markIssuers = MarkIssuersCheck.Issuers(identities: [])
        /// The `sub` of everybody in the realms; nil where they are not known.
        package var subjects: [String]?
        /// Unmarked applications belong to the account's name.
        package var adoptsUnmarked = true
        package var certificates: [CertificateFile] = []
        /// A user's token to look at, or the path where none could be read.
        package var token: TokenSource = .none

        package init(
            realmURL: String, keySetURL: String?, clientID: String, clientSecret: String?, issuers: [String],
            audiences: [String], algorithms: [String], clockSkew: Duration, threeScaleURL: String,
            threeScaleToken: String, pageSize: Int
        ) {
            self.realmURL = realmURL
            self.keySetURL = keySetURL
            self.clientID = clientID
            self.clientSecret = clientSecret
            self.issuers = issuers
            self.audiences = audiences
            self.algorithms = algorithms
            self.clockSkew = clockSkew
            self.threeScaleURL = threeScaleURL
            self.threeScaleToken = threeScaleToken
            self.pageSize = pageSize
        }
    }

    /// A file of certificates that is configured.
    package struct CertificateFile: Sendable {
        /// What the file is, in words.
        package let owner: String
        /// Nil when it cannot be read.
        package let pem: [UInt8]?
        /// Roots to trust; else the certificate that the helper itself shows, with what it is signed by.
        package let areRoots: Bool

        package init(owner: String, pem: [UInt8]?, areRoots: Bool) {
            self.owner = owner
            self.pem = pem
            self.areRoots = areRoots
        }
    }

    package enum TokenSource: Sendable {
        case none
        case token([UInt8])
        case unreadable(path: String)
    }

    /// Applications are read up to that many pages.
    private static let pagesMax = 400
    /// Proxies are read one by one up to that many.
    private static let proxiesMax = 100

    let plan: Plan
    private let observer: Observer
    private let verify: @Sendable ([UInt8]) async -> TokenVerdict
    private let redis: (@Sendable () async -> RedisCheck)?
    private let now: @Sendable () -> Int

    /// - Parameters:
    ///   - verify: says what the helper would say of a token.
    ///   - redis: tries Redis; nil when none is configured.
    ///   - now: seconds since 1970-01-01T00:00:00Z.
    package init(
        _ plan: Plan, observer: Observer, verify: @escaping @Sendable ([UInt8]) async -> TokenVerdict,
        redis: (@Sendable () async -> RedisCheck)?, now: @escaping @Sendable () -> Int
    ) {
        self.plan = plan
        self.observer = observer
        self.verify = verify
        self.redis = redis
        self.now = now
    }

    package func examine() async -> Report {
        async let keycloak = examineKeycloak()
        async let threeScale = examineThreeScale()
        async let shared = redis?().findings
        var findings = await keycloak
        findings += await threeScale
        findings += await shared ?? []
        for file in plan.certificates { findings += certificates(file) }
        return Report(findings)
    }

    // MARK: Keycloak

    private func examineKeycloak() async -> [Finding] {
        let discovery = await observer.get(plan.realmURL + "/.well-known/openid-configuration")
        var checks: [any Check] = [
            ReachabilityCheck(
                "keycloak.reachable", system: "Keycloak", url: plan.realmURL, variable: "KEYCLOAK_URL", discovery),
            IssuerCheck(
                realmURL: plan.realmURL, issuers: plan.issuers, discovery: discovery,
                otherPath: await otherPath(discovery)),
            ClockCheck(system: "Keycloak", offset: discovery.clockOffset, tolerance: plan.clockSkew),
        ]
        if let url = plan.keySetURL ?? discovery.document?["jwks_uri"]?.string {
            checks.append(SigningKeysCheck(url: url, algorithms: plan.algorithms, keySet: await observer.get(url)))
        }
        if discovery.document != nil {
            checks.append(
                TokenCheck(audiences: plan.audiences, sample: await sample(discovery.document), access: plan.access))
        }
        if plan.introspects, let secret = plan.clientSecret,
            let url = plan.introspectionURL ?? discovery.document?["introspection_endpoint"]?.string
        {
            checks.append(
                IntrospectionCheck(
                    url: url, await observer.post(url, form: "token=doctor", credentials: credentials(secret))))
        }
        if let check = await sharedKeys() { checks.append(check) }
        return checks.flatMap(\.findings) + certificate("Keycloak", discovery.certificate)
    }

    /// Nil where one issuer is accepted, or one key set is used for all.
    private func sharedKeys() async -> SharedKeysCheck? {
        guard plan.keySetURL == nil, plan.issuers.count > 1 else { return nil }
        var issuers: [SharedKeysCheck.Issuer] = []
        for issuer in plan.issuers {
            let discovery = await observer.get(issuer + "/.well-known/openid-configuration")
            var keySet: JSONValue?
            if let url = discovery.document?["jwks_uri"]?.string { keySet = await observer.get(url).document }
            issuers.append(
                SharedKeysCheck.Issuer(
                    issuer, identity: plan.markIssuers.identity(of: issuer), keySet: keySet))
        }
        return SharedKeysCheck(issuers)
    }

    /// The realm's URL with `/auth` before `/realms`, or without it, when Keycloak answers there and not where it should:
    /// releases before 17 have that path, and later ones when they are configured so.
    private func otherPath(_ discovery: Observation) async -> String? {
        guard discovery.status == 404, let realms = plan.realmURL.firstRange(of: "/realms/") else { return nil }
        let before = plan.realmURL[..<realms.lowerBound]
        let other =
            (before.hasSuffix("/auth") ? String(before.dropLast(5)) : before + "/auth")
            + plan.realmURL[realms.lowerBound...]
        let answer = await observer.get(other + "/.well-known/openid-configuration")
        return answer.document?["issuer"]?.string == nil ? nil : other
    }

    /// RFC 6749 §2.3.1: both halves are form-encoded before they become Basic credentials.
    private func credentials(_ secret: String) -> BasicCredentials {
        BasicCredentials(user: PercentEncoding.encode(plan.clientID), password: PercentEncoding.encode(secret))
    }

    private func sample(_ discovery: JSONValue?) async -> TokenCheck.Sample {
        switch plan.token {
        case .token(let token): return .judged(await verify(token), source: "the given token")
        case .unreadable(let path): return .unreadable(path: path)
        case .none: break
        }
        guard let secret = plan.clientSecret, let url = discovery?["token_endpoint"]?.string else { return .none }
        let answer = await observer.post(
            url, form: "grant_type=client_credentials", credentials: credentials(secret))
        guard let token = answer.document?["access_token"]?.string else {
            guard case .answered(let status, let body, _) = answer.outcome else {
                return .notIssued(error: "the token endpoint does not answer")
            }
            // Keycloak answers 401 `unauthorized_client` also where only service accounts are off: the words tell.
            if status == 401, body?["error_description"]?.string?.contains("credentials") == true {
                return .wrongSecret
            }
            return .notIssued(error: body?["error"]?.string ?? String(status))
        }
        return .judged(
            await verify(Array(token.utf8)), source: "a token of client '\(plan.clientID)' itself", ofUser: false)
    }

    // MARK: 3scale

    private func examineThreeScale() async -> [Finding] {
        let first = await ask("services", page: 1)
        let token = AdminTokenCheck(first)
        var checks: [any Check] = [
            ReachabilityCheck(
                "3scale.reachable", system: "3scale", url: plan.threeScaleURL, variable: "THREESCALE_ADMIN_API_URL",
                first), token,
            // 3scale checks no times of ours, but a clock that is wrong there is wrong in its logs and tokens too.
            ClockCheck(system: "3scale", offset: first.clockOffset, tolerance: .seconds(3_600)),
        ]
        if token.isAccepted {
            checks.append(PermissionCheck(tokens: await ask("personal/access_tokens")))
            checks.append(AccountPlanCheck(plans: await ask("account_plans")))
            if let check = await statistics(first) { checks.append(check) }
            checks += await serviceChecks(first)
            let firstPage = await ask("applications", page: 1)
            let applications = await pages("applications", "application", first: firstPage)
            checks.append(
                DuplicatesCheck(
                    applications: applications?.elements, isComplete: applications?.isComplete ?? false,
                    status: firstPage.status))
            if let applications {
                checks.append(TwinsCheck(applications: applications.elements))
                checks += ownerChecks(MarkedApplications(applications.elements))
            }
            checks.append(await accountNames(applications: applications?.elements ?? []))
        }
        return checks.flatMap(\.findings) + certificate("3scale", first.certificate)
    }

    /// Usage of today, of the first service; nil where there is none.
    private func statistics(_ services: Observation) async -> StatisticsCheck? {
        guard let first = Self.elements(services, "services", "service")?.first,
            let id = first["id"]?.int(in: 1...Int.max)
        else { return nil }
        let today = HTTPDate.timestamp(max(0, now())).prefix(10)
        let query = "metric_name=hits&granularity=day&timezone=UTC&since=\(today)&until=\(today)"
        return StatisticsCheck(
            usage: await observer.get(
                "\(plan.threeScaleURL)/stats/services/\(id)/usage.json?\(query)",
                credentials: BasicCredentials(user: "", password: plan.threeScaleToken)))
    }

    private func ownerChecks(_ applications: MarkedApplications) -> [any Check] {
        [
            AccountOwnersCheck(applications),
            UnmarkedApplicationsCheck(applications, adoptsUnmarked: plan.adoptsUnmarked),
            MarkIssuersCheck(applications, issuers: plan.markIssuers, subjects: plan.subjects),
        ]
    }

    private func serviceChecks(_ first: Observation) async -> [any Check] {
        let services = await pages("services", "service", first: first)?.elements ?? []
        async let plans = ask("application_plans")
        async let servicePlans = ask("service_plans")
        async let promoted = pages("account/proxy_configs/production", "proxy_config")
        let configurations = await promoted
        let applicationPlans = Self.elements(await plans, "plans", "application_plan")
        let servicePlanElements = Self.elements(await servicePlans, "plans", "service_plan")
        let facts = ServiceCheck.Facts.all(
            services: services, plans: applicationPlans, servicePlans: servicePlanElements,
            promoted: configurations?.isComplete == true ? configurations?.elements : nil)
        var checks: [any Check] = [CatalogueCheck(services: services.count)] + facts.map(ServiceCheck.init)
        checks.append(
            SignupPlansCheck(services: services, plans: applicationPlans, servicePlans: servicePlanElements))
        checks.append(AccessCheck(plan.access, systemNames: services.compactMap { $0["system_name"]?.string }))
        let listed = Set((configurations?.elements ?? []).compactMap { $0["content"]?["id"]?.int(in: 1...Int.max) })
        checks += await proxyChecks(
            services.filter { $0["id"]?.int(in: 1...Int.max).map { !listed.contains($0) } ?? false })
        if let wanted = plan.defaultPlan, let applicationPlans {
            checks.append(
                DefaultPlanCheck(wanted, systemNames: applicationPlans.compactMap { $0["system_name"]?.string }))
        }
        return checks
    }

    /// Of services that were never promoted, or of all where their proxies cannot be listed: one call after the other.
    private func proxyChecks(_ services: [JSONValue]) async -> [ProxyCheck] {
        var checks: [ProxyCheck] = []
        for entity in services.prefix(Self.proxiesMax) {
            guard let id = entity["id"]?.int(in: 1...Int.max) else { continue }
            checks.append(
                ProxyCheck(
                    .init(
                        id: id, name: entity["name"]?.string ?? String(id),
                        observation: await ask("services/\(id)/proxy"))))
        }
        return checks
    }

    func ask(_ path: String, page: Int? = nil, query: String? = nil) async -> Observation {
        let query = query.map { "?\($0)" } ?? page.map { "?page=\($0)&per_page=\(plan.pageSize)" } ?? ""
        return await observer.get(
            "\(plan.threeScaleURL)/admin/api/\(path).json\(query)",
            credentials: BasicCredentials(user: "", password: plan.threeScaleToken))
    }

    /// Every element of a paginated list, as far as `pagesMax`; nil when a page could not be read.
    func pages(
        _ path: String, _ singular: String, first: Observation? = nil
    ) async -> (elements: [JSONValue], isComplete: Bool)? {
        let plural = path.hasPrefix("account/") ? "proxy_configs" : path
        var list = PagedList(plural, singular, size: plan.pageSize)
        var known = first
        for page in 1...Self.pagesMax {
            let answer: Observation
            if let given = known { answer = given } else { answer = await ask(path, page: page) }
            known = nil
            guard let document = answer.document, (try? list.add(document)) != nil else { return nil }
            if list.isRead { break }
        }
        return (list.elements, list.isRead && list.isWhole)
    }

    static func elements(_ answer: Observation, _ plural: String, _ singular: String) -> [JSONValue]? {
        answer.document?[plural]?.array?.compactMap { $0[singular] }
    }

    // MARK: Certificates

    private func certificate(_ owner: String, _ pem: [UInt8]?) -> [Finding] {
        guard let pem else { return [] }
        guard let facts = try? CertificateFacts.reading(pem: pem).first else {
            return [Finding("certificate", .warning, "the certificate of \(owner) cannot be read", advice: "Check it")]
        }
        return CertificateCheck(owner: owner, notAfter: facts.notAfter, now: now()).findings
    }

    /// Those in a file.
    private func certificates(_ file: CertificateFile) -> [Finding] {
        guard let pem = file.pem, let all = try? CertificateFacts.reading(pem: pem), !all.isEmpty else {
            return [
                Finding(
                    "certificate", .error, "\(file.owner) holds no certificate that can be read",
                    advice: "Check the path, its permissions, and that it is PEM")
            ]
        }
        if file.areRoots {
            return RootsCheck(owner: file.owner, roots: all.map { ($0.subject, $0.notAfter) }, now: now()).findings
        }
        return all.flatMap {
            CertificateCheck(owner: "\($0.subject) in \(file.owner)", notAfter: $0.notAfter, now: now()).findings
        }
    }
}

/// Whether there is anything to get a key for.
struct CatalogueCheck: Check {
    let services: Int

    var findings: [Finding] {
        services > 0
            ? [Finding("3scale.services", .ok, "3scale shows \(services) services")]
            : [
                Finding(
                    "3scale.services", .warning, "3scale shows no service",
                    advice: "Create one, or let the admin token's owner see those there are")
            ]
    }
}
