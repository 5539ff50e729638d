import HTTP
import HTTPServer
import HelperCore
import JSON
import Telemetry
import Testing

@testable import HelperHTTP

@Suite("GET /api/services/{id}")
struct ServiceDetailRouteTests {
    @Test("200 shows the service with the plans that may be asked for")
    func detail() async throws {
        let answer = try await TestAPI().get("/api/services/7", token: "ada")
        #expect(answer.status == 200)
        #expect(answer.json["data"]?["service"]?["id"]?.string == "7")
        #expect(answer.json["data"]?["service"]?["plans"]?.array?.count == 1)
    }

    @Test("200 at once when the caller's keys are cached")
    func cached() async throws {
        let api = await TestAPI()
        _ = try await api.get("/api/services", token: "ada")
        #expect(try await api.get("/api/services/7", token: "ada").isImmediate)
    }

    @Test("401 without a token")
    func missing() async throws {
        #expect(try await TestAPI().get("/api/services/7").status == 401)
    }

    @Test("404 for an id that names no service", arguments: ["99", "07", "chat", "%37x"])
    func unknown(id: String) async throws {
        let answer = try await TestAPI().get("/api/services/\(id)", token: "ada")
        #expect(answer.status == 404)
        #expect(answer.code == "SERVICE_NOT_FOUND")
    }

    @Test("404 for a service that is hidden from the caller")
    func hidden() async throws {
        #expect(try await TestAPI(hidden: "chat").get("/api/services/7", token: "ada").status == 404)
    }
}

@Suite("GET /api/services/{id}/plans")
struct ServicePlansRouteTests {
    @Test("200 lists plans with their limits")
    func plans() async throws {
        let answer = try await TestAPI().get("/api/services/7/plans", token: "ada")
        #expect(answer.status == 200)
        #expect(answer.json["data"]?["plans"]?.array?.first?["limits"]?.array?.first?["value"]?.int == 60)
    }

    @Test("401 without a token")
    func missing() async throws {
        #expect(try await TestAPI().get("/api/services/7/plans").status == 401)
    }

    @Test("404 for an unknown service")
    func unknown() async throws {
        #expect(try await TestAPI().get("/api/services/99/plans", token: "ada").code == "SERVICE_NOT_FOUND")
    }

    @Test("503 when 3scale is unreachable")
    func unreachable() async throws {
        let api = await TestAPI()
        api.manager.fail(.unavailable(retryAfter: .seconds(7), cause: "down", outcomeUnknown: false))
        let answer = try await api.get("/api/services/7/plans", token: "ada")
        #expect(answer.status == 503)
        #expect(answer.field("retry-after") == "7")
    }
}

@Suite("POST /api/services/init")
struct InitRouteTests {
    @Test("200 creates a key, and answers the same key again")
    func twice() async throws {
        let api = await TestAPI()
        let first = try await api.initialise(#"{"service_id":"7"}"#)
        #expect(first.status == 200)
        #expect(first.json["data"]?["is_new"] == .bool(true))
        let second = try await api.initialise(#"{"service_id":7}"#)
        #expect(second.json["data"]?["is_new"] == .bool(false))
        #expect(second.json["data"]?["api_key"]?.string == first.json["data"]?["api_key"]?.string)
    }

    @Test("200 counts under the write policy")
    func counted() async throws {
        let api = await TestAPI()
        _ = try await api.initialise(#"{"service_id":"7"}"#)
        #expect(api.state.used(.owner(NamedTokens.ada.ownerMark), .write) == 1)
    }

    @Test(
        "400 for a body that is not as expected",
        arguments: ["{", "[]", #"{"service_id":"7","admin":true}"#, #"{"service_id":[]}"#])
    func malformed(body: String) async throws {
        let answer = try await TestAPI().initialise(body)
        #expect(answer.status == 400)
        #expect(answer.code == "INVALID_REQUEST")
    }

    @Test("400 without a service id")
    func noService() async throws {
        #expect(try await TestAPI().initialise("{}").code == "MISSING_SERVICE_ID")
    }

    @Test("401 without a token, before the body is looked at")
    func missing() async throws {
        #expect(try await TestAPI().initialise("{", token: nil).status == 401)
    }

    @Test("404 for an unknown service")
    func unknownService() async throws {
        #expect(try await TestAPI().initialise(#"{"service_id":"99"}"#).code == "SERVICE_NOT_FOUND")
    }

    @Test("404 for a plan that the service does not offer", arguments: ["2", "99", "basic"])
    func unknownPlan(id: String) async throws {
        let answer = try await TestAPI().initialise(#"{"service_id":"7","plan_id":"\#(id)"}"#)
        #expect(answer.code == "PLAN_NOT_FOUND")
    }

    @Test("409 for a service without plans")
    func noPlans() async throws {
        let answer = try await TestAPI().initialise(#"{"service_id":"9"}"#)
        #expect(answer.status == 409)
        #expect(answer.code == "NO_PLANS_FOUND")
    }

    @Test("415 for another media type")
    func mediaType() async throws {
        let answer = try await TestAPI().call("POST", "/api/services/init", token: "ada", body: "service_id=7")
        #expect(answer.status == 415)
        #expect(answer.field("accept-encoding") == nil)
    }

    @Test("415 for a content coding names the one that is taken")
    func contentCoding() async throws {
        let answer = try await TestAPI().call(
            "POST", "/api/services/init", token: "ada", ["Content-Type: application/json", "Content-Encoding: gzip"],
            body: "x")
        #expect(answer.status == 415)
        #expect(answer.field("accept-encoding") == "identity")
    }

    @Test("502 when 3scale does not accept the helper's token")
    func denied() async throws {
        let api = await TestAPI()
        api.manager.fail(.accessDenied(cause: "403"))
        let answer = try await api.initialise(#"{"service_id":"7"}"#)
        #expect(answer.status == 502)
        #expect(answer.code == "UPSTREAM_ACCESS_DENIED")
    }
}
