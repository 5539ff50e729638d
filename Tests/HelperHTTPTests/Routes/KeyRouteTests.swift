import HTTP
import HelperCore
import JSON
import Testing

@testable import HelperHTTP

@Suite("GET /api/keys")
struct KeyListRouteTests {
    @Test("200 lists what init made, without its secret")
    func list() async throws {
        let api = await TestAPI()
        #expect(try await api.get("/api/keys", token: "ada").json["data"]?["keys"]?.array?.isEmpty == true)
        let secret = try #require(try await api.initialise(#"{"service_id":"7"}"#).json["data"]?["api_key"]?.string)
        let answer = try await api.get("/api/keys", token: "ada")
        let keys = try #require(answer.json["data"]?["keys"]?.array)
        #expect(answer.status == 200 && keys.count == 1 && !answer.text.contains(secret))
        #expect(keys[0]["name"]?.string == "default" && keys[0]["state"]?.string == "live")
        #expect(keys[0]["fingerprint"]?.string?.utf8.count == 8)
        // The test's secret is so short that a hint would show most of it.
        #expect(keys[0]["hint"] == nil && keys[0]["note"] == nil)
        let id = try #require(keys[0]["id"]?.string)
        let one = try await api.get("/api/keys/\(id)", token: "ada")
        #expect(one.json["data"]?["key"] == keys[0])
    }

    @Test("400 names each parameter that is wrong")
    func badQuery() async throws {
        let answer = try await TestAPI().get("/api/keys?limit=0&state=x&limit=2&more", token: "ada")
        let fields = answer.json["error"]?["details"]?.array?.compactMap { $0["field"]?.string } ?? []
        #expect(answer.code == "INVALID_REQUEST" && Set(fields) == ["limit", "state", "more"])
    }

    @Test("401 without a token, 403 without the role, 404 for another person's and for none")
    func refusals() async throws {
        let api = await TestAPI(requiredRole: "user")
        _ = try await api.initialise(#"{"service_id":"7"}"#)
        #expect(try await api.get("/api/keys").status == 401)
        #expect(try await api.get("/api/keys", token: "stranger").status == 403)
        for id in ["1", "x", "007"] {
            #expect(try await api.get("/api/keys/\(id)", token: "ada").code == "KEY_NOT_FOUND")
        }
        let open = await TestAPI()
        _ = try await open.initialise(#"{"service_id":"7"}"#)
        let keys = try await open.get("/api/keys", token: "ada").json["data"]?["keys"]?.array
        let id = try #require(keys?.first?["id"]?.string)
        #expect(try await open.get("/api/keys/\(id)", token: "stranger").code == "KEY_NOT_FOUND")
    }

    @Test("503 while 3scale is away")
    func away() async throws {
        let api = await TestAPI()
        api.manager.fail(.unavailable(retryAfter: nil, cause: "down", outcomeUnknown: false))
        #expect(try await api.get("/api/keys", token: "ada").code == "UPSTREAM_UNAVAILABLE")
    }
}
