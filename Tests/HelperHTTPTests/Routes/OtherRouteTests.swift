import HTTP
import HTTPServer
import HelperCore
import JSON
import Telemetry
import Testing
import WireContract

@testable import HelperHTTP

@Suite("GET /api/openapi.json")
struct OpenAPIRouteTests {
    @Test("200 is the document with an entity tag")
    func document() async throws {
        let answer = try await TestAPI().get("/api/openapi.json")
        #expect(answer.status == 200)
        #expect(answer.json["openapi"] != nil)
        #expect(answer.field("etag") != nil)
    }

    @Test("304 to a reader who has it")
    func unchanged() async throws {
        let api = await TestAPI()
        let tag = try #require(try await api.get("/api/openapi.json").field("etag"))
        #expect(try await api.get("/api/openapi.json", ["If-None-Match: \(tag)"]).status == 304)
    }

    @Test("412 to a reader who requires another version")
    func mismatch() async throws {
        let answer = try await TestAPI().get("/api/openapi.json", ["If-Match: \"other\""])
        #expect(answer.code == "PRECONDITION_FAILED")
    }

    @Test("429 counts by address")
    func limited() async throws {
        let api = await TestAPI(readsMax: 1)
        _ = try await api.get("/api/openapi.json")
        #expect(try await api.get("/api/openapi.json").status == 429)
        #expect(api.state.used(.address("192.0.2.1"), .read) == 1)
    }
}

@Suite("GET /docs")
struct DocsRouteTests {
    @Test("200 is a page of HTML")
    func page() async throws {
        let answer = try await TestAPI().get("/docs")
        #expect(answer.status == 200)
        #expect(answer.field("content-type") == "text/html; charset=utf-8")
    }
}

@Suite("GET /docs/{asset}")
struct DocsAssetRouteTests {
    @Test("200 for a file that the page needs")
    func style() async throws {
        #expect(try await TestAPI().get("/docs/docs.css").status == 200)
    }

    @Test("404 for any other name", arguments: ["other.css", "..%2Fdocs.css"])
    func unknown(name: String) async throws {
        #expect(try await TestAPI().get("/docs/\(name)").code == "NOT_FOUND")
    }
}

@Suite("GET /.well-known/oauth-protected-resource")
struct ResourceRouteTests {
    @Test("200 names the issuers")
    func document() async throws {
        let answer = try await TestAPI().get("/.well-known/oauth-protected-resource")
        #expect(answer.status == 200)
        #expect(answer.json["authorization_servers"]?.array?.first?.string == NamedTokens.ada.issuer)
    }
}

@Suite("GET /api/client")
struct ClientRouteTests {
    @Test("200 is what the command line reads, and holds no member that it does not know")
    func document() async throws {
        let answer = try await TestAPI().get("/api/client")
        #expect(answer.status == 200)
        guard case .success(_, let data) = try WireEnvelope(answer.response.body) else {
            Issue.record("not a success")
            return
        }
        let document = try ClientDocument(data)
        #expect(document.issuer == NamedTokens.ada.issuer)
        #expect(document.clientID == "mlaas-cli")
        #expect(document.scopes == ["openid"])
        #expect(document.portalURL == nil)
        #expect(data.object.members.map(\.name) == ["issuer", "client_id", "scopes"])
    }
}

@Suite("GET /metrics")
struct MetricsRouteTests {
    @Test("200 is the exposition")
    func scrape() async throws {
        let answer = try await TestAPI().get("/metrics")
        #expect(answer.status == 200)
        #expect(answer.text == "up 1\n")
    }

    @Test("200 beyond every limit, since scrapes are not counted")
    func uncounted() async throws {
        let api = await TestAPI(readsMax: 1)
        for _ in 0..<3 { #expect(try await api.get("/metrics").status == 200) }
    }
}

@Suite("A request that has no route")
struct NoRouteTests {
    @Test("404 names the method and the path")
    func unknown() async throws {
        let answer = try await TestAPI().get("/api/servces")
        #expect(answer.status == 404)
        #expect(answer.json["error"]?["message"]?.string == "No such route: GET /api/servces")
    }

    @Test("404 repeats no more than the beginning of a long path")
    func long() async throws {
        let answer = try await TestAPI().get("/" + String(repeating: "a", count: 4_000))
        #expect((answer.json["error"]?["message"]?.string?.count ?? 0) < 300)
    }

    @Test("204 to OPTIONS *")
    func asterisk() async throws {
        #expect(try await TestAPI().call("OPTIONS", "*").status == 204)
    }

    @Test("405 is counted under the route's template, not under the path")
    func template() async throws {
        let api = await TestAPI()
        #expect(try await api.call("DELETE", "/api/services/7").status == 405)
        let text = String(decoding: api.registry.exposition(), as: UTF8.self)
        #expect(text.contains("http_route=\"/api/services/{id}\",http_request_method=\"DELETE\""))
        #expect(!text.contains("/api/services/7"))
    }
}
