import Doctor
import HTTPClient
import HelperCore
import JSON
import Testing

/// An answer with that document.
func answer(_ status: Int = 200, _ text: String = "") throws -> Observation {
    Observation(
        .answered(
            status: status, body: text.isEmpty ? nil : try JSONValue(parsing: Array(text.utf8)), isEmpty: text.isEmpty))
}

extension Check {
    var severities: [Severity] { findings.map(\.severity) }
    /// Everything that would be printed.
    var words: String { findings.map { "\($0.message) \($0.advice ?? "")" }.joined(separator: "\n") }
}

@Suite("The doctor's checks of Keycloak")
struct KeycloakCheckTests {
    @Test(
        "say what to do when nothing answers",
        arguments: [
            (HTTPClientError.connectFailed("refused"), "NO_PROXY"),
            (.connectFailed("CONNECT tunnel failed, response 403"), "have it allow this host and port"),
            (.connectFailed("CONNECT tunnel failed, response 407"), "user and password in HTTPS_PROXY"),
            (.connectFailed("Could not resolve proxy: proxy.example.com"), "name in HTTPS_PROXY"),
            (.tlsFailed("certificate has expired"), "renewed"),
            (.tlsFailed("error:0A00010B:SSL routines::wrong version number"), "speaks no TLS"),
            (.tlsFailed("SSL certificate problem: unable to get local issuer certificate"), "CA_BUNDLE"),
            (.tlsFailed("SSL: no alternative certificate subject name matches target host name 'a'"), "host name"),
            (.timeout(mayHaveBeenSent: false), "firewall"), (.connectionLost("reset"), "scheme"),
        ])
    func reachability(_ error: HTTPClientError, _ advice: String) {
        let check = ReachabilityCheck(
            "keycloak.reachable", system: "Keycloak", url: "https://sso.example.com", variable: "KEYCLOAK_URL",
            Observation(.failed(error)))
        #expect(check.severities == [.error] && check.words.contains(advice) && check.words.contains("\(error)"))
    }

    @Test(
        "compare the issuer byte for byte",
        arguments: [
            (200, #"{"issuer":"https://sso.example.com/realms/a"}"#, Severity.ok, ""),
            (200, #"{"issuer":"https://sso.example.com/realms/a/"}"#, .error, "KEYCLOAK_ISSUERS"),
            (200, #"{"name":"something else"}"#, .error, "not Keycloak"), (404, "{}", .error, "KEYCLOAK_REALM"),
            (403, "{}", .error, "https"), (503, "", .error, "503"),
        ])
    func issuer(_ status: Int, _ body: String, _ severity: Severity, _ words: String) throws {
        let check = IssuerCheck(
            realmURL: "https://sso.example.com/realms/a", issuers: ["https://sso.example.com/realms/a"],
            discovery: try answer(status, body))
        #expect(check.severities == [severity] && check.words.contains(words))
    }

    @Test(
        "say how an issuer differs from the accepted one",
        arguments: [
            ("https://sso.example.com/auth/realms/a", "path before /realms/"),
            ("https://sso.example.com:8443/realms/a", "port"), ("https://SSO.example.com/realms/a", "lower case"),
            ("https://sso.example.com/realms/A", "realm's name"), ("https://sso.example.com/realms/b", "two realms"),
            ("http://sso.example.com:443/realms/a", "scheme"),
            ("https://other.example.com/realms/a", "another host name"),
        ])
    func issuerDifference(_ issuer: String, _ words: String) throws {
        let check = IssuerCheck(
            realmURL: "https://sso.example.com/realms/a", issuers: ["https://sso.example.com/realms/a"],
            discovery: try answer(200, #"{"issuer":"\#(issuer)"}"#))
        #expect(check.words.contains(words), "\(check.words)")
    }

    @Test("tell a missing realm from a missing path")
    func missingRealm() throws {
        func words(_ body: String, _ otherPath: String? = nil) throws -> String {
            IssuerCheck(
                realmURL: "https://sso.example.com/realms/a", issuers: [], discovery: try answer(404, body),
                otherPath: otherPath
            ).words
        }
        #expect(try words(#"{"error":"Realm does not exist"}"#).contains("KEYCLOAK_REALM: upper and lower case"))
        #expect(try words("", "https://sso.example.com/auth/realms/a").contains("at https://sso.example.com/auth"))
    }

    @Test(
        "call a refused introspection an error, since every caller then gets 503",
        arguments: [
            (200, #"{"active":false}"#, Severity.ok), (401, #"{"error":"invalid_client"}"#, .error),
            (403, #"{"error":"invalid_request"}"#, .error), (404, "", .error), (200, "{}", .error),
        ])
    func introspection(_ status: Int, _ body: String, _ severity: Severity) throws {
        let check = IntrospectionCheck(url: "https://sso.example.com/i", try answer(status, body))
        #expect(check.severities == [severity])
        #expect(IntrospectionCheck(url: "", Observation(.failed(.connectFailed("refused")))).severities == [.error])
    }

    @Test(
        "want a signing key of an accepted algorithm",
        arguments: [
            (200, #"{"keys":[{"use":"sig","alg":"RS256"}]}"#, Severity.ok),
            (200, #"{"keys":[{"alg":"RS256"}]}"#, .ok), (200, #"{"keys":[{"use":"enc","alg":"RS256"}]}"#, .error),
            (200, #"{"keys":[{"use":"sig","alg":"ES256"}]}"#, .error), (200, #"{"keys":[]}"#, .error),
            (200, "{}", .error), (404, "", .error),
        ])
    func keys(_ status: Int, _ body: String, _ severity: Severity) throws {
        let check = SigningKeysCheck(
            url: "https://sso.example.com/certs", algorithms: ["RS256"], keySet: try answer(status, body))
        #expect(check.severities == [severity])
        #expect(
            SigningKeysCheck(
                url: "", algorithms: ["RS256"], keySet: Observation(.failed(.connectFailed("refused")))
            ).severities == [.error])
    }

    @Test("tell what a token's verdict means")
    func tokens() {
        func check(_ sample: TokenCheck.Sample, _ access: AccessPolicy = AccessPolicy()) -> TokenCheck {
            TokenCheck(audiences: ["mlaas-client"], sample: sample, access: access)
        }
        let caller = Caller(
            issuer: "i", subject: "s", username: "ada", email: nil)
        #expect(check(.judged(.accepted(caller), source: "it")).severities == [.ok])
        let roles = AccessPolicy(requiredRole: ExactName("ml-users"))
        let roleless = check(.judged(.accepted(caller), source: "it"), roles)
        #expect(roleless.severities == [.error])
        #expect(roleless.words.contains("'ml-users' of MLAAS_REQUIRED_ROLE"))
        #expect(check(.judged(.accepted(caller), source: "it", ofUser: false), roles).severities == [.info])
        #expect(check(.wrongSecret).words.contains("KEYCLOAK_CLIENT_SECRET"))
        #expect(check(.judged(.refused(TokenRefusal(check: .tooLong)), source: "it")).words.contains("groups"))
        let refused = check(.judged(.refused(TokenRefusal(check: .audience)), source: "it"))
        #expect(refused.severities == [.error] && refused.words.contains("mlaas-client"))
        let hinted = check(.judged(.refused(TokenRefusal(check: .kind, hint: "An ID token was sent.")), source: "it"))
        #expect(hinted.words.contains("An ID token was sent."))
        #expect(check(.judged(.unavailable, source: "it")).severities == [.error])
        #expect(check(.unreadable(path: "/nowhere")).severities == [.error])
        #expect(check(.none).severities == [.info] && check(.none).words.contains("--token-file"))
        #expect(check(.notIssued(error: "unauthorized_client")).severities == [.info])
    }

    @Test(
        "see clocks that are apart",
        arguments: [
            (0, [Severity.ok]), (5, [.ok]), (-6, [.warning]), (32, [.warning]), (33, [.error]), (-3_600, [.error]),
            (nil, []),
        ] as [(Int?, [Severity])])
    func clocks(_ offset: Int?, _ severities: [Severity]) {
        #expect(
            ClockCheck(system: "Keycloak", offset: offset, tolerance: .seconds(30)).severities == severities)
    }

    @Test(
        "see certificates before they expire",
        arguments: [(31, Severity.ok), (29, .warning), (3, .warning), (2, .error), (0, .error), (-1, .error)])
    func certificates(_ days: Int, _ severity: Severity) {
        let check = CertificateCheck(owner: "Keycloak", notAfter: 1_000_000 + days * 86_400, now: 1_000_000)
        #expect(check.severities == [severity])
    }

    @Test(
        "take an expired root in a large bundle for what it is",
        arguments: [(1, 0, Severity.ok), (3, 1, .warning), (100, 2, .info), (100, 100, .warning)])
    func roots(_ count: Int, _ expired: Int, _ severity: Severity) {
        let roots = (0..<count).map { (subject: "CN=Root \($0),O=Example", notAfter: $0 < expired ? 1 : 9_999_999_999) }
        let check = RootsCheck(owner: "CA_BUNDLE", roots: roots, now: 1_000_000)
        #expect(check.severities == [severity] && check.words.contains("CN=Root 0") == (expired > 0))
    }
}

/// A service with nothing wrong but what is given.
private func facts(
    mode: String? = "1", deployment: String? = "hosted", plans: Int? = 1, servicePlans: Int? = 1,
    promoted: Bool? = true, hasEndpoint: Bool? = nil
) -> ServiceCheck.Facts {
    ServiceCheck.Facts(
        id: 7, name: "Chat", mode: mode, deployment: deployment, usablePlans: plans, servicePlans: servicePlans,
        isPromoted: promoted, hasEndpoint: hasEndpoint)
}

@Suite("The doctor's checks of 3scale")
struct ThreeScaleCheckTests {
    @Test(
        "tell the meanings of a refusal apart",
        arguments: [
            (200, #"{"services":[]}"#, Severity.ok, "accepts"),
            (403, #"{"error":"Access denied"}"#, .error, "wrong, expired"),
            (403, #"{"error":"Your access token does not have the correct permissions"}"#, .error, "scope"),
            (403, #"{"status":"Forbidden"}"#, .error, "admin user"), (403, "", .error, "suspended"),
            (429, "", .error, "CATALOG_REFRESH_SECONDS"), (400, "", .error, "speaks TLS"),
            (404, #"{"status":"Not found"}"#, .error, "developer portal"), (301, "", .error, "https"),
            (500, "", .error, "500"), (200, "", .error, "not 3scale"), (418, "", .error, "418"),
        ])
    func adminToken(_ status: Int, _ body: String, _ severity: Severity, _ words: String) throws {
        let check = AdminTokenCheck(try answer(status, body))
        #expect(check.severities == [severity] && check.words.contains(words) && check.isAccepted == (severity == .ok))
    }

    @Test("blame a web page on what stands before 3scale, not on the token", arguments: [200, 403, 503])
    func webPage(_ status: Int) {
        let check = AdminTokenCheck(
            Observation(.answered(status: status, body: nil, isEmpty: false), isHTML: true))
        #expect(check.severities == [.error])
        #expect(check.words.contains("firewall"))
        #expect(!check.words.contains("token"))
    }

    @Test("say that a default plan is no service's", arguments: [("basic", Severity.ok), ("Basic", .warning)])
    func defaultPlan(_ wanted: String, _ severity: Severity) {
        #expect(DefaultPlanCheck(wanted, systemNames: ["basic", "gold"]).severities == [severity])
    }

    @Test(
        "refuse a token that may only read, as far as 3scale tells which it is",
        arguments: [
            (["rw"], Severity.ok), (["ro"], .error), (["ro", "ro"], .error), (["rw", "ro"], .warning), ([], .info),
        ] as [([String], Severity)])
    func permission(_ permissions: [String], _ severity: Severity) throws {
        let tokens = permissions.map {
            #"{"access_token":{"id":1,"name":"n","scopes":["account_management"],"permission":"\#($0)"}}"#
        }
        let other = #"{"access_token":{"id":9,"name":"stats","scopes":["stats"],"permission":"ro"}}"#
        let body = #"{"access_tokens":[\#((tokens + [other]).joined(separator: ","))]}"#
        #expect(PermissionCheck(tokens: try answer(200, body)).severities == [severity])
    }

    @Test("do not guess where 3scale does not say")
    func silence() throws {
        #expect(PermissionCheck(tokens: try answer(404)).severities == [.info])
        #expect(AccountPlanCheck(plans: try answer(403)).severities == [.info])
        #expect(DuplicatesCheck(applications: nil, isComplete: false, status: 403).severities == [.info])
    }

    @Test("name the status of a listing of applications that fails", arguments: [404, 500, 503, nil] as [Int?])
    func failedListing(_ status: Int?) throws {
        let finding = try #require(DuplicatesCheck(applications: nil, isComplete: false, status: status).findings.first)
        #expect(finding.severity == .error)
        #expect(finding.message.contains(status.map(String.init) ?? "does not answer"))
    }

    @Test(
        "want a default account plan",
        arguments: [
            (#"[{"account_plan":{"id":1,"default":true}}]"#, Severity.ok), ("[]", .error),
            (#"[{"account_plan":{"id":1,"default":false}}]"#, .error),
            (#"[{"account_plan":{"id":1,"default":true,"approval_required":true}}]"#, .info),
        ])
    func accountPlan(_ plans: String, _ severity: Severity) throws {
        #expect(AccountPlanCheck(plans: try answer(200, #"{"plans":\#(plans)}"#)).severities == [severity])
    }

    @Test(
        "find what is wrong with a service",
        arguments: [
            (facts(), "service", Severity.ok), (facts(mode: "2"), "service", .ok),
            (facts(mode: "oidc"), "service", .ok),
            (facts(mode: "oauth"), "service.mode", .warning), (facts(mode: nil), "service.mode", .warning),
            (facts(plans: 0), "service.plan", .warning), (facts(servicePlans: 0), "service.service_plan", .warning),
            (facts(promoted: false), "service.promotion", .warning),
            (facts(hasEndpoint: false), "service.endpoint", .warning), (facts(hasEndpoint: true), "service", .ok),
            (facts(deployment: "plugin_java", promoted: false), "service", .ok),
            (facts(plans: nil, servicePlans: nil, promoted: nil), "service", .ok),
        ])
    func services(_ given: ServiceCheck.Facts, _ check: String, _ severity: Severity) {
        #expect(ServiceCheck(given).findings.map(\.check) == [check])
        #expect(ServiceCheck(given).severities == [severity])
    }

    @Test("put a service's facts together from the lists")
    func lists() throws {
        func list(_ text: String) throws -> [JSONValue] { try JSONValue(parsing: Array(text.utf8)).array ?? [] }
        func plan(_ service: Int, _ more: String) -> String {
            #"{"id":1,\#(more),"links":[{"rel":"service","href":"https://t/admin/api/services/\#(service)"}]}"#
        }
        let plans = try list(
            "[\(plan(1, #""state":"hidden""#)),\(plan(2, #""state":"published","custom":true"#)),"
                + "\(plan(3, #""state":"hidden","default":true"#)),\(plan(4, #""state":"published""#))]")
        let services = try list(#"[{"id":1},{"id":2},{"id":3},{"id":4,"name":"Chat","backend_version":"1"}]"#)
        let all = ServiceCheck.Facts.all(
            services: services, plans: plans, servicePlans: try list("[\(plan(4, #""state":"hidden""#))]"),
            promoted: try list(
                #"[{"content":{"id":4,"proxy":{"endpoint":""}}},{"content":{"id":3,"proxy":{"endpoint":"https://a:443"}}}]"#
            ))
        #expect(all.map(\.usablePlans) == [0, 0, 1, 1] && all.map(\.servicePlans) == [0, 0, 0, 1])
        #expect(all.map(\.isPromoted) == [false, false, true, true] && all[3].name == "Chat")
        #expect(all.map(\.hasEndpoint) == [nil, nil, true, false])
    }

    @Test("find an owner's second application for a service, and take no other for one")
    func duplicates() throws {
        let mark = "[mlaas owner=\(OwnerMark(issuer: "i", subject: "s"))]"
        let other = "[mlaas owner=\(OwnerMark(issuer: "i", subject: "t"))]"
        func application(_ id: Int, _ account: Int, _ service: Int, _ description: String) throws -> JSONValue {
            try JSONValue(
                parsing: Array(
                    #"{"id":\#(id),"account_id":\#(account),"service_id":\#(service),"description":"\#(description)"}"#
                        .utf8))
        }
        let single = [
            try application(1, 1, 1, mark), try application(2, 1, 2, mark), try application(3, 2, 1, mark),
            try application(4, 1, 1, "by hand"), try application(5, 1, 1, "by hand"), try application(6, 1, 1, other),
        ]
        #expect(DuplicatesCheck(applications: single, isComplete: true).severities == [.ok])
        #expect(DuplicatesCheck(applications: single, isComplete: false).severities == [.info])
        func check(_ description: String) throws -> DuplicatesCheck {
            DuplicatesCheck(applications: single + [try application(9, 1, 1, description)], isComplete: true)
        }
        let left = try check(mark.dropLast() + " attempt=0f]")
        #expect(left.severities == [.warning] && left.words.contains("1, 9") && left.words.contains("keeps 1"))
        // What a call may have answered is deleted by none.
        for kept in [mark, mark.dropLast() + " attempt=0f ok]"] {
            #expect(try check(kept).severities == [.warning] && check(kept).words.contains("deletes none of 1, 9"))
        }
        // Another API key of the owner, and a later generation of one.
        for other in [" key=batch ok]", " gen=2 ok]"] {
            #expect(try check(mark.dropLast() + other).severities == [.ok])
        }
    }

    @Test("call Redis a warning at most: the helper serves without it")
    func redis() {
        let outcomes: [(RedisCheck.Outcome, Severity)] = [
            (.works, .ok), (.unreachable("refused"), .warning), (.refuses("OOM"), .warning),
        ]
        for (outcome, severity) in outcomes {
            #expect(RedisCheck(address: "redis:6379", outcome: outcome).severities == [severity])
        }
    }
}

@Suite("The doctor's report")
struct ReportTests {
    @Test(
        "has an exit status by the gravest finding",
        arguments: [
            ([], 0), ([.ok], 0), ([.info, .ok], 0), ([.ok, .warning], 1), ([.error, .warning], 2),
        ] as [([Severity], Int32)])
    func status(_ severities: [Severity], _ status: Int32) {
        #expect(Report(severities.map { Finding("c", $0, "m") }).exitStatus == status)
    }

    @Test("puts the gravest last for people and first for programs")
    func order() throws {
        let report = Report([
            Finding("a", .error, "broken", advice: "Mend it"), Finding("b.c", .ok, "fine"),
            Finding("d", .warning, "bad"),
        ])
        let lines = report.text(usesColour: false).split(separator: "\n", omittingEmptySubsequences: false)
        #expect(
            lines == [
                "ok       b.c  fine", "warning  d    bad", "error    a    broken. Mend it", "",
                "1 error, 1 warning, 1 ok",
            ])
        let json = try JSONValue(parsing: report.json)
        #expect(json["severity"]?.string == "error")
        #expect(json["findings"]?.array?.compactMap { $0["check"]?.string } == ["a", "d", "b.c"])
        #expect(json["findings"]?.array?.first?["advice"]?.string == "Mend it")
        #expect(report.text(usesColour: true).contains("\u{1B}[31merror\u{1B}[0m"))
    }
}
