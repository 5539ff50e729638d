import HTTP
import HelperCore
import JSON
import Telemetry
import Testing

@testable import HelperHTTP

@Suite("Changing API keys")
struct KeyChangeRouteTests {
    private func key(_ api: TestAPI) async throws -> (id: String, secret: String) {
        let made = try await api.initialise(#"{"service_id":"7"}"#)
        let keys = try await api.get("/api/keys", token: "ada").json["data"]?["keys"]?.array
        return (
            try #require(keys?.first?["id"]?.string), try #require(made.json["data"]?["api_key"]?.string)
        )
    }

    private func patch(_ api: TestAPI, _ id: String, _ body: String) async throws -> TestAPI.Answered {
        try await api.call("PATCH", "/api/keys/\(id)", token: "ada", ["Content-Type: application/json"], body: body)
    }

    @Test("a reveal answers the secret, leaves an audit line, and counts under its own limit")
    func reveal() async throws {
        let api = await TestAPI()
        let (id, secret) = try await key(api)
        let answer = try await api.call("POST", "/api/keys/\(id)/reveal", token: "ada")
        #expect(answer.json["data"]?["api_key"]?.string == secret)
        #expect(
            api.lines.lines.joined().contains(#""outcome":"revealed""#) && !api.lines.lines.joined().contains(secret))
        _ = try await api.call("POST", "/api/keys/\(id)/reveal", token: "ada")
        #expect(try await api.call("POST", "/api/keys/\(id)/reveal", token: "ada").code == "RATE_LIMITED")
        #expect(api.state.used(.owner(NamedTokens.ada.ownerMark), .reveal) == 2)
    }

    @Test("403 where secrets are shown once, and a later init answers none")
    func showOnce() async throws {
        let api = await TestAPI(showsOnce: true)
        let (id, secret) = try await key(api)
        let answer = try await api.call("POST", "/api/keys/\(id)/reveal", token: "ada")
        #expect(answer.status == 403 && answer.code == "KEY_STATE_CONFLICT")
        let again = try await api.initialise(#"{"service_id":"7"}"#)
        #expect(again.status == 200 && again.json["data"]?["api_key"] == nil && !again.text.contains(secret))
    }

    @Test("pause, resume and revoke may be repeated")
    func repeated() async throws {
        let api = await TestAPI()
        let (id, _) = try await key(api)
        for (act, state) in [("pause", "paused"), ("pause", "paused"), ("resume", "live"), ("resume", "live")] {
            let answer = try await api.call("POST", "/api/keys/\(id)/\(act)", token: "ada")
            #expect(answer.json["data"]?["key"]?["state"]?.string == state, "\(answer.text)")
        }
        for _ in 0..<2 {
            let answer = try await api.call("DELETE", "/api/keys/\(id)", token: "ada")
            #expect(answer.status == 200 && answer.json["data"]?["stops_within_seconds"]?.int(in: 0...100) == 60)
        }
        #expect(try await api.call("POST", "/api/keys/\(id)/pause", token: "ada").code == "KEY_NOT_FOUND")
        #expect(try await api.call("DELETE", "/api/keys/x", token: "ada").code == "KEY_NOT_FOUND")
    }

    @Test("a change sets and takes away note and end")
    func change() async throws {
        let api = await TestAPI()
        let (id, _) = try await key(api)
        let answer = try await patch(api, id, #"{"note":"For CI","expires_in":60}"#)
        #expect(answer.json["data"]?["key"]?["note"]?.string == "For CI")
        #expect(answer.json["data"]?["key"]?["expires_at"]?.string == "1970-01-01T00:17:40Z")
        let back = try await patch(api, id, #"{"note":"","expires_in":null}"#)
        #expect(back.json["data"]?["key"]?["note"] == nil && back.json["data"]?["key"]?["expires_at"] == nil)
        #expect(try await patch(api, id, #"{"expires_in":1,"more":2}"#).code == "INVALID_REQUEST")
        #expect(
            try await api.call(
                "POST", "/api/keys/\(id)/pause", token: "ada", ["Content-Type: application/json"], body: #"{"x":1}"#
            ).code == "INVALID_REQUEST")
    }
}
