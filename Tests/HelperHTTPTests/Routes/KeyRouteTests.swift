import HTTP
import HelperCore
import JSON
import Testing

@testable import HelperHTTP

@Suite("GET /api/keys")
struct KeyListRouteTests {
    @Test("200 is empty before the first key")
    func empty() async throws {
        let answer = try await TestAPI().get("/api/keys", token: "ada")
        #expect(answer.json["data"]?["keys"]?.array?.isEmpty == true)
    }

    @Test("200 lists the key of init, without its secret")
    func list() async throws {
        let api = await TestAPI()
        let secret = try #require(try await api.initialise(#"{"service_id":"7"}"#).json["data"]?["api_key"]?.string)
        let answer = try await api.get("/api/keys", token: "ada")
        let keys = try #require(answer.json["data"]?["keys"]?.array)
        #expect(answer.status == 200)
        #expect(keys.count == 1)
        #expect(!answer.text.contains(secret))
        #expect(keys[0]["name"]?.string == "default")
        #expect(keys[0]["state"]?.string == "live")
        #expect(keys[0]["fingerprint"]?.string?.utf8.count == 8)
        // The test's secret is so short that a hint would show most of it.
        #expect(keys[0]["hint"] == nil)
        #expect(keys[0]["note"] == nil)
    }

    @Test("400 names each parameter that is wrong")
    func badQuery() async throws {
        let answer = try await TestAPI().get("/api/keys?limit=0&state=x&limit=2&more", token: "ada")
        let fields = answer.json["error"]?["details"]?.array?.compactMap { $0["field"]?.string } ?? []
        #expect(answer.code == "INVALID_REQUEST")
        #expect(Set(fields) == ["limit", "state", "more"])
    }

    @Test("401 without a token")
    func missing() async throws {
        #expect(try await TestAPI().get("/api/keys").status == 401)
    }

    @Test("403 without the role")
    func role() async throws {
        #expect(try await TestAPI(requiredRole: "user").get("/api/keys", token: "stranger").status == 403)
    }

    @Test("503 while 3scale is away")
    func away() async throws {
        let api = await TestAPI()
        api.manager.fail(.unavailable(retryAfter: nil, cause: "down", outcomeUnknown: false))
        #expect(try await api.get("/api/keys", token: "ada").code == "UPSTREAM_UNAVAILABLE")
    }
}

@Suite("GET /api/keys/{id}")
struct KeyDetailRouteTests {
    @Test("200 shows a key as the list does")
    func one() async throws {
        let api = await TestAPI()
        _ = try await api.initialise(#"{"service_id":"7"}"#)
        let keys = try await api.get("/api/keys", token: "ada").json["data"]?["keys"]?.array
        let key = try #require(keys?.first)
        let answer = try await api.get("/api/keys/\(try #require(key["id"]?.string))", token: "ada")
        #expect(answer.json["data"]?["key"] == key)
    }

    @Test("404 for an id that no key has", arguments: ["1", "x", "007"])
    func unknown(id: String) async throws {
        #expect(try await TestAPI().get("/api/keys/\(id)", token: "ada").code == "KEY_NOT_FOUND")
    }

    @Test("404 for another person's key")
    func stranger() async throws {
        let api = await TestAPI()
        _ = try await api.initialise(#"{"service_id":"7"}"#)
        let keys = try await api.get("/api/keys", token: "ada").json["data"]?["keys"]?.array
        let id = try #require(keys?.first?["id"]?.string)
        #expect(try await api.get("/api/keys/\(id)", token: "stranger").code == "KEY_NOT_FOUND")
    }
}
