import HelperCore
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
            #expect(error?.helperError().retryAfter == .seconds(7_200))
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
            let cause = error?.helperError().cause ?? ""
            #expect(cause.contains("list_applications") && cause.contains("3scale answered 500: Boom"), "\(cause)")
        }
        let warnings = upstream.log.lines.filter { $0.hasPrefix("warning") }
        #expect(warnings.filter { $0.contains("dependency call failed") && $0.contains("Boom") }.count == 1)
        #expect(warnings.filter { $0.contains("circuit breaker opened") && $0.contains("Boom") }.count == 1)
        #expect(warnings.allSatisfy { $0.contains("list_applications") && $0.contains("http://127.0.0.1") })
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
            #expect(refused?.helperError().details == [.init(field: "username", issue: "is taken")])
            #expect(refused?.helperError().cause?.contains("username is taken") == true)
            let denied = await #expect(throws: APIManagerError.self) {
                _ = try await manager.createApplication(Self.draft)
            }
            #expect(denied?.helperError(refusal: .applicationCreationFailed).code == .upstreamAccessDenied)
            #expect(denied?.helperError().details.isEmpty == true)
        }
        #expect(
            upstream.log.lines.contains { $0.contains("dependency refused a call") && $0.contains("username is taken") }
        )
        #expect(upstream.log.lines.contains { $0.hasPrefix("warning") && $0.contains("correct permissions") })
    }
}
