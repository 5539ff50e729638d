import HTTP
import HTTPServer
import HelperCore
import JSON
import Telemetry
import Testing

@testable import HelperHTTP

@Suite("GET /api/services")
struct ServiceListRouteTests {
    @Test("200 lists the services, first waiting for the caller's keys, then at once")
    func list() async throws {
        let api = await TestAPI()
        let first = try await api.get("/api/services", token: "ada")
        #expect(first.status == 200)
        #expect(first.json["data"]?["services"]?.array?.count == 3)
        #expect(!first.isImmediate)
        let second = try await api.get("/api/services", token: "ada")
        #expect(second.isImmediate)
        #expect(second.response.body == first.response.body)
    }

    @Test("200 shows the caller's user name")
    func user() async throws {
        let answer = try await TestAPI().get("/api/services", token: "ada")
        #expect(answer.json["data"]?["user"]?["soeid"]?.string == "ada")
    }

    @Test("200 for a token that the issuer had to be asked about")
    func undecided() async throws {
        let answer = try await TestAPI().get("/api/services", token: "slow-ada")
        #expect(answer.status == 200)
        #expect(!answer.isImmediate)
    }

    @Test("200 counts under the read policy and says how much is left", arguments: [false, true])
    func counted(remoteCounts: Bool) async throws {
        let api = await TestAPI(remoteCounts: remoteCounts)
        let answer = try await api.get("/api/services", token: "ada")
        #expect(api.state.used(.owner(NamedTokens.ada.ownerMark), .read) == 1)
        #expect(answer.response.numberedFields != nil)
    }

    @Test("200 carries the fields that a listed origin needs")
    func crossOrigin() async throws {
        let answer = try await TestAPI().get("/api/services", token: "ada", ["Origin: https://app.example.com"])
        #expect(answer.field("access-control-allow-origin") == "https://app.example.com")
    }

    @Test("200 hides services from callers without their role")
    func hidden() async throws {
        let answer = try await TestAPI(hidden: "chat").get("/api/services", token: "ada")
        #expect(answer.json["data"]?["services"]?.array?.count == 2)
    }

    @Test(
        "401 without a token asks for one and does not name an error",
        arguments: [[], ["Authorization: Basic YTpi"]])
    func missing(fields: [String]) async throws {
        let answer = try await TestAPI().get("/api/services", fields)
        #expect(answer.status == 401)
        #expect(answer.code == "MISSING_AUTH")
        let challenge = try #require(answer.field("www-authenticate"))
        #expect(challenge.hasPrefix("Bearer realm=\"mlaas\""))
        #expect(!challenge.contains("error="))
    }

    @Test("401 for a token in the URL, where every log would keep it")
    func inQuery() async throws {
        let answer = try await TestAPI().get("/api/services?access_token=ada")
        #expect(answer.status == 401)
        #expect(answer.code == "MISSING_AUTH")
    }

    @Test("401 for a refused token names invalid_token", arguments: ["expired", "forged"])
    func refused(token: String) async throws {
        let answer = try await TestAPI().get("/api/services", token: token)
        #expect(answer.status == 401)
        #expect(answer.code == "INVALID_TOKEN")
        #expect(answer.field("www-authenticate")?.contains("error=\"invalid_token\"") == true)
    }

    @Test("401 counts under auth_failure and leaves the address its own requests")
    func refusedCounts() async throws {
        let api = await TestAPI()
        _ = try await api.get("/api/services", token: "forged")
        #expect(api.state.used(.address("192.0.2.1"), .authFailure) == 1)
        #expect(api.state.used(.address("192.0.2.1"), .read) == 0)
    }

    @Test("400 for two credentials")
    func twoCredentials() async throws {
        let answer = try await TestAPI().get("/api/services?access_token=ada", token: "ada")
        #expect(answer.status == 400)
        #expect(answer.code == "INVALID_REQUEST")
    }

    @Test("400 for a user name that cannot be used")
    func nameless() async throws {
        let answer = try await TestAPI().get("/api/services", token: "nameless")
        #expect(answer.status == 400)
        #expect(answer.code == "USER_INFO_ERROR")
    }

    @Test("403 for a caller without the required role")
    func role() async throws {
        let answer = try await TestAPI(requiredRole: "user").get("/api/services", token: "stranger")
        #expect(answer.status == 403)
        #expect(answer.field("www-authenticate")?.contains("insufficient_scope") == true)
    }

    @Test("429 beyond the limit says when to try again", arguments: [false, true])
    func limited(remoteCounts: Bool) async throws {
        let api = await TestAPI(readsMax: 1, remoteCounts: remoteCounts)
        _ = try await api.get("/api/services", token: "ada")
        let answer = try await api.get("/api/services", token: "ada")
        #expect(answer.status == 429)
        #expect(answer.code == "RATE_LIMITED")
        #expect(answer.field("retry-after") == "9")
        #expect(answer.response.numberedFields != nil)
    }

    @Test("503 counts for nothing when tokens cannot be checked")
    func unavailable() async throws {
        let api = await TestAPI()
        let answer = try await api.get("/api/services", token: "unavailable")
        #expect(answer.status == 503)
        #expect(answer.code == "UPSTREAM_UNAVAILABLE")
        #expect(api.state.used(.address("192.0.2.1"), .read) == 0)
        #expect(api.state.used(.address("192.0.2.1"), .authFailure) == 0)
    }

    @Test("503 counts under auth_failure when the token names an unknown signing key")
    func unknownKey() async throws {
        let api = await TestAPI()
        #expect(try await api.get("/api/services", token: "unknown-key").status == 503)
        #expect(api.state.used(.address("192.0.2.1"), .authFailure) == 1)
    }

    @Test(
        "what 3scale's failure becomes",
        arguments: [
            (APIManagerError.unavailable(retryAfter: nil, cause: "down", outcomeUnknown: false), 503),
            (.timeout(cause: "slow", outcomeUnknown: false), 504), (.accessDenied(cause: "403"), 502),
            (.malformed(cause: "HTML", outcomeUnknown: false), 502),
        ])
    func upstream(failure: APIManagerError, status: Int) async throws {
        let api = await TestAPI()
        api.manager.fail(failure)
        #expect(try await api.get("/api/services", token: "ada").status == status)
    }

    @Test("503 before the catalogue is loaded")
    func notReady() async throws {
        let answer = try await TestAPI(loaded: false).get("/api/services", token: "ada")
        #expect(answer.status == 503)
        #expect(answer.code == "UPSTREAM_UNAVAILABLE")
    }

    @Test("503 when the server has no slot for the request")
    func overloaded() async throws {
        let api = await TestAPI()
        let response = api.api.overloaded(try api.request("GET", "/api/services", ["Authorization: Bearer ada"]))
        #expect(response.status.code == 503)
        #expect(response.fields["retry-after"] == "1")
    }
}
