import HelperCore
import Synchronization
import Telemetry
import Testing

@testable import ThreeScale

@Suite("Calls to 3scale", .timeLimit(.minutes(5)))
struct TransportTests {
    private static let application =
        #"{"application":{"id":1,"service_id":2,"plan_id":3,"account_id":4,"state":"live","user_key":"k"}}"#

    private static let draft = ApplicationDraft(
        account: 4, plan: 3, name: "n", description: "d", applicationID: "mlaas-1")

    @Test("a peer that closes each kept connection in silence costs neither a read nor a create")
    func silentPeer() async throws {
        let upstream = Upstream()
        try await upstream.run { line, isReused in
            if isReused { return .init(isSilent: true) }
            return .init(body: line.hasPrefix("POST") ? Self.application : #"{"applications":[]}"#)
        } _: { manager in
            for _ in 0..<15 {
                let listed = try await manager.applications(account: 4)
                let created = try await manager.createApplication(Self.draft)
                #expect(listed.isEmpty && created.id == 1)
            }
        }
        #expect(upstream.count("POST") == 15)
        #expect(!upstream.breaker.isOpen)
    }

    @Test("a wait that is longer than the deadline is refused at once with its length")
    func longWait() async throws {
        let upstream = Upstream()
        try await upstream.run { _, _ in
            .init(status: 503, fields: "Retry-After: Sun, 09 Sep 2001 03:46:40 GMT\r\n")
        } _: { manager in
            let error = await #expect(throws: APIManagerError.self) { try await manager.applications(account: 4) }
            #expect(error?.retryAfter == .seconds(7_200))
        }
        #expect(upstream.count("GET") == 1)
    }

    @Test("an open breaker tells what opened it, in the error and in the log")
    func cause() async throws {
        let upstream = Upstream()
        try await upstream.run { _, _ in
            .init(status: 500, body: #"{"status":500,"error":"Boom"}"#)
        } _: { manager in
            for _ in 0..<6 {
                await #expect(throws: APIManagerError.self) { try await manager.applications(account: 4) }
            }
            let error = await #expect(throws: APIManagerError.self) { try await manager.catalog() }
            let cause = error?.cause ?? ""
            #expect(cause.contains("list_applications") && cause.contains("3scale answered 500: Boom"), "\(cause)")
        }
        let warnings = upstream.log.lines.filter { $0.hasPrefix("warning") }
        #expect(warnings.filter { $0.contains("dependency call failed") && $0.contains("Boom") }.count == 1)
        #expect(warnings.filter { $0.contains("circuit breaker opened") && $0.contains("Boom") }.count == 1)
        #expect(warnings.allSatisfy { $0.contains("list_applications") && $0.contains("http://127.0.0.1") })
    }

    private func caller(_ name: String) -> CallOwner { .caller(OwnerMark(issuer: "https://issuer", subject: name)) }

    /// Makes a call of an owner, and says whether it succeeded.
    @discardableResult
    private func isListed(
        _ manager: ThreeScaleAPIManager, _ owner: CallOwner, account: Int = 4, within limit: Duration = .seconds(60)
    ) async -> Bool {
        await Deadline.$current.withValue(.now + limit) {
            await CallOwner.$current.withValue(owner) {
                do { return try await manager.applications(account: account).isEmpty } catch { return false }
            }
        }
    }

    @Test("a request that 3scale always fails does not let one caller close the service to all others")
    func oneCallersFailures() async throws {
        let upstream = Upstream()
        try await upstream.run(
            { line, _ in
                line.contains("accounts/4/") ? .init(status: 500) : .init(body: #"{"applications":[]}"#)
            }, retries: 0
        ) { manager in
            for _ in 0..<20 { #expect(await !isListed(manager, caller("ada"))) }
            #expect(!upstream.breaker.isOpen)
            #expect(await isListed(manager, caller("bob"), account: 5))
            for name in ["ada", "bob", "ada", "bob", "ada", "bob"] { await isListed(manager, caller(name)) }
            #expect(!upstream.breaker.isOpen && manager.isInDoubt)
            await manager.probe()
            #expect(!upstream.breaker.isOpen && !manager.isInDoubt)
            // The failures of three callers in a row are 3scale's.
            for name in ["ada", "bob", "ada", "bob", "eve"] { await isListed(manager, caller(name)) }
            #expect(upstream.breaker.isOpen)
        }
    }

    @Test("a 3scale that fails for its only caller fails our own question too, which opens the breaker")
    func onlyCaller() async throws {
        let upstream = Upstream()
        try await upstream.run({ _, _ in .init(status: 500) }, retries: 0) { manager in
            for _ in 0..<6 { await isListed(manager, caller("ada")) }
            #expect(!upstream.breaker.isOpen && manager.isInDoubt)
            await manager.probe()
            #expect(upstream.breaker.isOpen)
        }
    }

    @Test("a call that our own queue left little time does not count against 3scale when it times out")
    func littleTime() async throws {
        let upstream = Upstream()
        try await upstream.run({ _, _ in .init(isHanging: true) }, concurrency: 64, retries: 0) { manager in
            await withTaskGroup(of: Void.self) { tasks in
                for number in 0..<8 {
                    tasks.addTask { await isListed(manager, caller("\(number)"), within: .milliseconds(1_500)) }
                }
            }
            #expect(upstream.calls.withLock { $0.count } == 8)
            #expect(!upstream.breaker.isOpen)
        }
    }

    @Test("calls that had all their time and got no answer open the breaker")
    func allTheirTime() async throws {
        let upstream = Upstream()
        try await upstream.run(
            { _, _ in .init(isHanging: true) }, concurrency: 64, retries: 0, timeout: .milliseconds(500)
        ) { manager in
            await withTaskGroup(of: Void.self) { tasks in
                for number in 0..<8 { tasks.addTask { await isListed(manager, caller("\(number)")) } }
            }
            #expect(upstream.breaker.isOpen)
        }
    }

    @Test("a call that was never sent does not count against 3scale")
    func neverSent() async throws {
        let upstream = Upstream()
        try await upstream.run(
            { _, _ in .init(isHanging: true) }, concurrency: 64, retries: 0, connections: 1
        ) { manager in
            let hanging = Task { await isListed(manager, .background) }
            while upstream.calls.withLock({ $0.isEmpty }) { try await Task.sleep(for: .milliseconds(5)) }
            await withTaskGroup(of: Void.self) { tasks in
                for number in 0..<8 {
                    tasks.addTask { await isListed(manager, caller("\(number)"), within: .milliseconds(1_500)) }
                }
            }
            #expect(!upstream.breaker.isOpen)
            #expect(upstream.calls.withLock { $0.count } == 1)
            hanging.cancel()
            _ = await hanging.value
        }
    }

    @Test("the breaker's probe is not refused by a queue that is full of calls that hang")
    func probePastTheQueue() async throws {
        var settings = BreakerState.Settings()
        settings.probeInterval = .milliseconds(10)
        let upstream = Upstream(settings)
        try await upstream.run(
            { line, _ in
                line.contains("accounts/4/") ? .init(isHanging: true) : .init(body: #"{"applications":[]}"#)
            }, concurrency: 4, retries: 0
        ) { manager in
            // Ada holds her share of the slots.
            let hanging = Task { await isListed(manager, caller("ada")) }
            while upstream.calls.withLock({ $0.isEmpty }) { try await Task.sleep(for: .milliseconds(5)) }
            for _ in 0..<5 { upstream.breaker.failed() }
            try await Task.sleep(for: .milliseconds(50))
            #expect(await isListed(manager, caller("ada"), account: 5, within: .seconds(20)))
            #expect(!upstream.breaker.isOpen)
            hanging.cancel()
            _ = await hanging.value
        }
    }

    @Test("3scale's words on a refusal are in the log, and only field messages of a 422 reach the caller")
    func words() async throws {
        let upstream = Upstream()
        try await upstream.run { line, _ in
            line.contains("signup")
                ? .init(status: 422, body: #"{"errors":{"username":["is taken",null]}}"#)
                : .init(status: 403, body: #"{"error":"Your access token does not have the correct permissions"}"#)
        } _: { manager in
            let draft = SignupDraft(organization: "o", username: "u", email: nil, password: "p")
            let refused = await #expect(throws: APIManagerError.self) { _ = try await manager.signUp(draft) }
            #expect(refused == .rejected(status: 422, details: [.init(field: "username", issue: "is taken")]))
            #expect(refused?.cause.contains("username is taken") == true)
            let denied = await #expect(throws: APIManagerError.self) {
                _ = try await manager.createApplication(Self.draft)
            }
            guard case .accessDenied = denied else {
                Issue.record("not denied: \(String(describing: denied))")
                return
            }
        }
        #expect(
            upstream.log.lines.contains { $0.contains("dependency refused a call") && $0.contains("username is taken") }
        )
        #expect(upstream.log.lines.contains { $0.hasPrefix("warning") && $0.contains("correct permissions") })
    }

    @Test("a refusal in plain text is in the log, on one line and without our secrets, and no caller gets it")
    func plainText() async throws {
        let upstream = Upstream()
        // An intermediary that quotes the request: "OnRva2Vu" are our Basic credentials.
        let text =
            "Required parameter missing: plan_id\n\t[token OnRva2Vu p%40ss p@ss]" + String(repeating: "é", count: 5_000)
        try await upstream.run { _, _ in
            .init(status: 400, body: text, type: "text/plain; charset=utf-8")
        } _: { manager in
            let draft = SignupDraft(organization: "o", username: "u", email: nil, password: "p@ss")
            let error = await #expect(throws: APIManagerError.self) { _ = try await manager.signUp(draft) }
            let words = "Required parameter missing: plan_id [<redacted> <redacted> <redacted> <redacted>]"
            #expect(error?.cause.hasPrefix("refused with 400; \(words)") == true, "\(error?.cause ?? "")")
            #expect((error?.cause.count ?? 0) < 250)
            let line = upstream.log.lines.first { $0.contains("dependency refused a call") } ?? ""
            #expect(line.contains("3scale answered 400: \(words)"), "\(line)")
        }
    }

    @Test("a web page with 403 is counted as no answer of 3scale, and not as a refusal of our token")
    func page() async throws {
        let upstream = Upstream()
        try await upstream.run { _, _ in
            .init(status: 403, body: "<html>Blocked</html>", type: "text/html")
        } _: { manager in
            await #expect(throws: APIManagerError.self) { try await manager.applications(account: 4) }
            let metrics = String(decoding: upstream.registry.exposition(), as: UTF8.self)
            let counts = metrics.split(separator: "\n").filter {
                $0.contains("list_applications") && $0.hasSuffix(" 1")
            }
            #expect(
                counts.contains { $0.contains("malformed") } && !counts.contains { $0.contains("access_denied") },
                "\(counts)")
        }
        #expect(upstream.log.lines.contains { $0.contains("firewall") && !$0.contains("mlaas-helper doctor") })
    }

    @Test(
        "a 404 that is not 3scale's own and a 401 are failures of 3scale, and hide no account",
        arguments: [
            (404, "<html>no</html>", "malformed"), (404, "", "malformed"),
            (404, #"{"status":404,"error":"Not Found"}"#, "malformed"), (401, "", "access_denied"),
        ])
    func foreign(_ status: Int, _ body: String, _ outcome: String) async throws {
        let upstream = Upstream()
        try await upstream.run({ _, _ in .init(status: status, body: body, type: "text/html") }, retries: 0) {
            manager in
            let error = await #expect(throws: APIManagerError.self) { _ = try await manager.account(username: "u") }
            #expect(error?.isTransient == true && error?.outcomeUnknown == false)
            let metrics = String(decoding: upstream.registry.exposition(), as: UTF8.self)
            let counts = metrics.split(separator: "\n").filter { $0.contains("find_account") && $0.hasSuffix(" 1") }
            #expect(counts.contains { $0.contains(outcome) }, "\(counts)")
        }
        #expect(upstream.log.lines.contains { $0.contains("dependency call failed") && $0.contains("hint=") })
    }

    @Test(
        "a 404 in words that are not 3scale's deletes no application and hides no account",
        arguments: [#"{"error":"route not found"}"#, #"{"error":"Application not found"}"#, ""])
    func foreignWords(_ body: String) async throws {
        let upstream = Upstream()
        try await upstream.run({ _, _ in .init(status: 404, body: body) }, retries: 0) { manager in
            await #expect(throws: APIManagerError.self) { try await manager.deleteApplication(1, account: 1) }
            await #expect(throws: APIManagerError.self) { _ = try await manager.accountAndUser(username: "u") }
        }
    }

    @Test("an account is looked up in JSON where something before 3scale lets no XML pass", arguments: [401, 404])
    func withoutXML(_ status: Int) async throws {
        let upstream = Upstream()
        let account = #"{"account":{"id":7,"state":"approved","created_at":"2026-01-02T03:04:05Z"}}"#
        try await upstream.run(
            { line, _ in
                line.contains("find.xml") ? .init(status: status, body: "no", type: "text/plain") : .init(body: account)
            }, retries: 0
        ) { manager in
            let found = try await manager.accountAndUser(username: "u")
            #expect(found?.id == 7)
        }
    }

    @Test("3scale's own 404 is an account that is missing, but no answer to a list that every tenant has")
    func missing() async throws {
        let upstream = Upstream()
        try await upstream.run({ _, _ in .init(status: 404, body: #"{"status":"Not found"}"#) }, retries: 0) {
            manager in
            let account = try await manager.account(username: "u")
            #expect(account == nil)
            let error = await #expect(throws: APIManagerError.self) { _ = try await manager.catalog() }
            #expect(error?.isTransient == true)
        }
    }

    @Test("an empty 403 is logged as a suspended tenant, which no other token mends")
    func suspended() async throws {
        let upstream = Upstream()
        try await upstream.run { _, _ in
            .init(status: 403, body: "", type: "text/html")
        } _: { manager in
            await #expect(throws: APIManagerError.self) { try await manager.applications(account: 4) }
        }
        #expect(upstream.log.lines.contains { $0.contains("tenant is suspended") && $0.contains("master portal") })
    }
}
