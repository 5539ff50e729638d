import HelperCore
import JSON
import Testing

@Suite("GET /api/keys/{id}/usage")
struct KeyUsageRouteTests {
    private func key(_ api: TestAPI) async throws -> String {
        _ = try await api.initialise(#"{"service_id":"7"}"#)
        let keys = try await api.get("/api/keys", token: "ada").json["data"]?["keys"]?.array
        return try #require(keys?.first?["id"]?.string)
    }

    private func numbers(_ value: JSONValue?) -> [Int] { value?.array?.compactMap { $0.int(in: 0 ... .max) } ?? [] }

    @Test("every metric of the service, its values and its total, is asked for once a minute")
    func usage() async throws {
        let api = await TestAPI()
        let id = try await key(api)
        let path = "/api/keys/\(id)/usage?since=2026-11-27T12:00:00%2B02:00&until=2026-11-29&granularity=day"
        let answer = try await api.get(path, token: "ada")
        let data = try #require(answer.json["data"])
        #expect(answer.status == 200 && data["granularity"]?.string == "day" && data["key"]?["id"]?.string == id)
        #expect(data["since"]?.string == "2026-11-27T00:00:00Z" && data["until"]?.string == "2026-11-29T00:00:00Z")
        #expect(data["starts"]?.array?.compactMap(\.string) == ["2026-11-27T00:00:00Z", "2026-11-28T00:00:00Z"])
        let metrics = try #require(data["metrics"]?.array)
        #expect(metrics.compactMap { $0["metric"]?.string } == ["hits", "chat"])
        #expect(numbers(metrics[0]["values"]) == [10, 20] && metrics[0]["total"]?.int(in: 0...100) == 30)
        #expect(metrics[1]["method_of"]?.string == "hits" && metrics[1]["unit"] == nil)
        #expect(metrics[1]["limits"]?.array?.isEmpty == true)
        // Another time within the same days is answered from the cache.
        _ = try await api.get("/api/keys/\(id)/usage?since=2026-11-27T01:00:00Z&until=2026-11-29", token: "ada")
        #expect(api.manager.usageCalls == 2)
        _ = try await api.get("/api/keys/\(id)/usage", token: "ada")
        #expect(api.manager.usageCalls == 4)
    }

    @Test(
        "400 names what is wrong",
        arguments: [
            ("since=yesterday", "since"), ("until=2026-11", "until"), ("granularity=week", "granularity"),
            ("since=2026-11-29&until=2026-11-28", "since"), ("since=2020-01-01", "since"), ("period=day", "period"),
            ("since=2026-11-29T00:00:00.Z", "since"), ("since=1969-01-01", "since"), ("since=", "since"),
            ("granularity=hour&since=2026-01-01&until=2026-06-01", "since"),
        ])
    func problems(_ query: String, _ field: String) async throws {
        let api = await TestAPI()
        let answer = try await api.get("/api/keys/\(try await key(api))/usage?\(query)", token: "ada")
        #expect(answer.code == "INVALID_REQUEST")
        #expect(answer.json["error"]?["details"]?.array?.first?["field"]?.string == field)
    }

    @Test(
        "times of every form that RFC 3339 has are read",
        arguments: [
            "2026-11-28", "2026-11-28T00:00:00Z", "2026-11-28T00:00:00.123Z", "2026-11-28T01:00:00%2B01:00",
            "2026-11-28T01:00:00+01:00", "2026-11-27T19:00:00-05:00",
        ])
    func times(_ since: String) async throws {
        let api = await TestAPI()
        let answer = try await api.get(
            "/api/keys/\(try await key(api))/usage?granularity=hour&since=\(since)", token: "ada")
        #expect(answer.json["data"]?["since"]?.string == "2026-11-28T00:00:00Z")
    }

    @Test("a token without the scope is said plainly, and another person's key is not found")
    func refusals() async throws {
        let api = await TestAPI()
        let id = try await key(api)
        #expect(try await api.get("/api/keys/\(id)/usage", token: "stranger").code == "KEY_NOT_FOUND")
        #expect(try await api.get("/api/keys/\(id)/usage").status == 401)
        api.manager.refuseUsage()
        let answer = try await api.get("/api/keys/\(id)/usage", token: "ada")
        #expect(answer.code == "UPSTREAM_ACCESS_DENIED" && answer.text.contains("stats"))
    }
}
