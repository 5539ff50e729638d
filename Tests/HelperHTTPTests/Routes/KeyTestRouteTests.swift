import HelperCore
import JSON
import Synchronization
import Telemetry
import Testing

/// A gateway that answers what a test wants: the answers in their order, and the last one from then on.
final class ScriptedGateway: ModelGateway {
    private struct State {
        var answers: [Result<GatewayAnswer, GatewayFailure>] = []
        var requests: [GatewayRequest] = []
    }

    private let state = Mutex(State())

    var requests: [GatewayRequest] { state.withLock { $0.requests } }

    func answers(_ answers: [Result<GatewayAnswer, GatewayFailure>]) { state.withLock { $0.answers = answers } }

    func ask(_ request: GatewayRequest, within limit: Duration) async throws(GatewayFailure) -> GatewayAnswer {
        try state.withLock { state in
            state.requests.append(request)
            return state.answers.count > 1 ? state.answers.removeFirst() : state.answers.first ?? .failure(.timeout)
        }.get()
    }
}

@Suite("POST /api/keys/{id}/test")
struct KeyTestRouteTests {
    private static let works = GatewayAnswer(status: 200, isPlainText: false, text: "{}", models: ["granite"])

    private func key(_ api: TestAPI) async throws -> String {
        let secret = try #require(try await api.initialise(#"{"service_id":"7"}"#).json["data"]?["api_key"]?.string)
        #expect(!secret.isEmpty)
        let keys = try await api.get("/api/keys", token: "ada").json["data"]?["keys"]?.array
        return try #require(keys?.first?["id"]?.string)
    }

    @Test("the gateway is asked with the key, and the answer says what it meant, without the secret")
    func works() async throws {
        let api = await TestAPI()
        let id = try await key(api)
        api.gateway.answers([.success(Self.works)])
        let answer = try await api.call("POST", "/api/keys/\(id)/test", token: "ada")
        let data = try #require(answer.json["data"])
        #expect(answer.status == 200 && data["verdict"]?.string == "works" && data["status"]?.int(in: 0...999) == 200)
        #expect(data["models"]?.array?.first?.string == "granite" && data["key"]?["id"]?.string == id)
        #expect(data["latency_ms"]?.int(in: 0 ... .max) != nil && data["explanation"]?.string?.isEmpty == false)
        let request = try #require(api.gateway.requests.first)
        let secret = try #require((request.fields + request.query).first?.value)
        #expect(!answer.text.contains(secret) && data["url"]?.string == request.url)
        #expect(api.lines.lines.contains { $0.contains("key tested") && $0.contains("\"verdict\":\"works\"") })
    }

    @Test("a failure is an answer, and tests have a limit of their own")
    func failureAndLimit() async throws {
        let api = await TestAPI()
        let id = try await key(api)
        api.gateway.answers([.failure(.unreachable("refused"))])
        let answer = try await api.call("POST", "/api/keys/\(id)/test", token: "ada")
        #expect(answer.status == 200 && answer.json["data"]?["verdict"]?.string == "unreachable")
        #expect(answer.json["data"]?["status"] == nil && answer.json["data"]?["models"] == nil)
        api.gateway.answers([.failure(.busy)])
        #expect(try await api.call("POST", "/api/keys/\(id)/test", token: "ada").code == "OVERLOADED")
        #expect(try await api.call("POST", "/api/keys/\(id)/test", token: "ada").code == "RATE_LIMITED")
        #expect(try await api.get("/api/keys", token: "ada").status == 200)
    }

    @Test("another person's key is not tested")
    func foreign() async throws {
        let api = await TestAPI()
        let id = try await key(api)
        #expect(try await api.call("POST", "/api/keys/\(id)/test", token: "stranger").code == "KEY_NOT_FOUND")
        #expect(try await api.call("POST", "/api/keys/\(id)/test").status == 401)
        #expect(api.gateway.requests.isEmpty)
    }
}
