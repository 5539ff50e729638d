import HTTP
import HTTPServer
import HelperCore
import JSON
import Telemetry
import Testing

@testable import HelperHTTP

@Suite("GET /api/health")
struct HealthRouteTests {
    @Test("200 says healthy, whatever has been loaded")
    func healthy() async throws {
        let answer = try await TestAPI(loaded: false).get("/api/health")
        #expect(answer.status == 200)
        #expect(answer.json["data"]?["status"]?.string == "healthy")
    }

    @Test("200 beyond every limit, since probes are not counted")
    func uncounted() async throws {
        let api = await TestAPI(readsMax: 1)
        for _ in 0..<3 { #expect(try await api.get("/api/health").status == 200) }
    }

    @Test("200 also to HEAD")
    func head() async throws {
        #expect(try await TestAPI().call("HEAD", "/api/health").status == 200)
    }

    @Test("204 to OPTIONS names the methods")
    func options() async throws {
        let answer = try await TestAPI().call("OPTIONS", "/api/health")
        #expect(answer.status == 204)
        #expect(answer.field("allow") == "GET, HEAD, OPTIONS")
    }

    @Test("405 to another method names those that exist")
    func wrongMethod() async throws {
        let answer = try await TestAPI().call("POST", "/api/health")
        #expect(answer.status == 405)
        #expect(answer.code == "METHOD_NOT_ALLOWED")
        #expect(answer.field("allow") == "GET, HEAD, OPTIONS")
    }
}

@Suite("GET /api/health/ready")
struct ReadinessRouteTests {
    @Test("200 once keys and the catalogue are loaded")
    func ready() async throws {
        let answer = try await TestAPI().get("/api/health/ready")
        #expect(answer.status == 200)
        #expect(answer.json["data"]?["checks"]?.array?.count == 2)
    }

    @Test("503 before the catalogue is loaded names the check that is down")
    func notLoaded() async throws {
        let answer = try await TestAPI(loaded: false).get("/api/health/ready")
        #expect(answer.status == 503)
        #expect(answer.code == "NOT_READY")
        #expect(answer.field("retry-after") == "1")
        #expect(answer.json["data"]?["checks"]?.array?.last?["status"]?.string == "down")
    }

    @Test("503 while the server drains")
    func draining() async throws {
        let api = await TestAPI()
        api.lifecycle.beginDraining()
        #expect(try await api.get("/api/health/ready").status == 503)
    }
}
