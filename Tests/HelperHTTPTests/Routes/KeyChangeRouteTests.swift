import HTTP
import HelperCore
import JSON
import Telemetry
import Testing

@testable import HelperHTTP

extension TestAPI {
    /// Makes a key for ada by init; returns its id and its secret.
    fileprivate func key() async throws -> (id: String, secret: String) {
        let made = try await initialise(#"{"service_id":"7"}"#)
        let keys = try await get("/api/keys", token: "ada").json["data"]?["keys"]?.array
        return (
            try #require(keys?.first?["id"]?.string), try #require(made.json["data"]?["api_key"]?.string)
        )
    }

    fileprivate func act(_ id: String, _ act: String, body: String = "", token: String? = "ada") async throws
        -> Answered
    {
        try await call(
            "POST", "/api/keys/\(id)/\(act)", token: token, body.isEmpty ? [] : ["Content-Type: application/json"],
            body: body)
    }

    fileprivate func patch(_ id: String, _ body: String, token: String? = "ada") async throws -> Answered {
        try await call("PATCH", "/api/keys/\(id)", token: token, ["Content-Type: application/json"], body: body)
    }

    fileprivate func create(_ body: String, token: String? = "ada") async throws -> Answered {
        try await call("POST", "/api/keys", token: token, ["Content-Type: application/json"], body: body)
    }
}

private let unavailable = APIManagerError.unavailable(retryAfter: nil, cause: "down", outcomeUnknown: false)

@Suite("POST /api/keys")
struct KeyCreationRouteTests {
    private let body = #"{"service_id":"7","name":"batch","note":"For CI"}"#

    @Test("201 makes a key under its name")
    func created() async throws {
        let answer = try await TestAPI().create(body)
        #expect(answer.status == 201)
        #expect(answer.json["data"]?["is_new"] == .bool(true))
        #expect(answer.json["data"]?["key"]?["name"]?.string == "batch")
        #expect(answer.json["data"]?["key"]?["note"]?.string == "For CI")
    }

    @Test("200 answers the same key again")
    func again() async throws {
        let api = await TestAPI()
        let first = try await api.create(body)
        let second = try await api.create(body)
        #expect(second.status == 200)
        #expect(second.json["data"]?["key"]?["id"] == first.json["data"]?["key"]?["id"])
        #expect(second.json["data"]?["api_key"] == first.json["data"]?["api_key"])
    }

    @Test(
        "400 for a body that is not as expected",
        arguments: [
            "{", #"{"service_id":"7"}"#, #"{"service_id":"7","name":"Batch"}"#,
            #"{"service_id":"7","name":"batch","expires_in":1}"#, #"{"service_id":"7","name":"batch","more":1}"#,
        ])
    func malformed(body: String) async throws {
        let answer = try await TestAPI().create(body)
        #expect(answer.status == 400)
        #expect(answer.code == "INVALID_REQUEST")
    }

    @Test("401 without a token, before the body is looked at")
    func missing() async throws {
        #expect(try await TestAPI().create("{", token: nil).status == 401)
    }

    @Test("404 for an unknown service")
    func unknownService() async throws {
        #expect(try await TestAPI().create(#"{"service_id":"99","name":"batch"}"#).code == "SERVICE_NOT_FOUND")
    }

    @Test("409 for one key more than the operator allows")
    func limit() async throws {
        let api = await TestAPI()
        for number in 1...KeyRules().perService {
            #expect(try await api.create(#"{"service_id":"7","name":"k\#(number)"}"#).status == 201)
        }
        let answer = try await api.create(#"{"service_id":"7","name":"one-more"}"#)
        #expect(answer.status == 409)
        #expect(answer.code == "KEY_LIMIT_REACHED")
    }

    @Test("503 while 3scale is away")
    func away() async throws {
        let api = await TestAPI()
        api.manager.fail(unavailable)
        #expect(try await api.create(body).code == "UPSTREAM_UNAVAILABLE")
    }
}

@Suite("POST /api/keys/{id}/rotate")
struct KeyRotationRouteTests {
    @Test("201 makes the next generation, and the replaced key retires")
    func rotated() async throws {
        let api = await TestAPI()
        let (id, secret) = try await api.key()
        let answer = try await api.act(id, "rotate")
        #expect(answer.status == 201)
        #expect(answer.json["data"]?["key"]?["generation"]?.int(in: 0...9) == 2)
        #expect(answer.json["data"]?["replaced"]?["id"]?.string == id)
        #expect(answer.json["data"]?["replaced"]?["state"]?.string == "retiring")
        #expect(answer.json["data"]?["api_key"]?.string != secret)
    }

    @Test("200 answers the same successor again")
    func again() async throws {
        let api = await TestAPI()
        let (id, _) = try await api.key()
        let first = try await api.act(id, "rotate")
        let second = try await api.act(id, "rotate")
        #expect(second.status == 200)
        #expect(second.json["data"]?["key"]?["id"] == first.json["data"]?["key"]?["id"])
    }

    @Test("400 for a grace that is not as expected", arguments: [#"{"grace_seconds":-1}"#, #"{"more":1}"#, "[]"])
    func malformed(body: String) async throws {
        let api = await TestAPI()
        let (id, _) = try await api.key()
        #expect(try await api.act(id, "rotate", body: body).code == "INVALID_REQUEST")
    }

    @Test("401 without a token")
    func missing() async throws {
        #expect(try await TestAPI().act("101", "rotate", token: nil).status == 401)
    }

    @Test("404 for no key and for another person's")
    func unknown() async throws {
        let api = await TestAPI()
        let (id, _) = try await api.key()
        #expect(try await api.act("x", "rotate").code == "KEY_NOT_FOUND")
        #expect(try await api.act(id, "rotate", token: "stranger").code == "KEY_NOT_FOUND")
    }

    @Test("409 for a paused key")
    func paused() async throws {
        let api = await TestAPI()
        let (id, _) = try await api.key()
        _ = try await api.act(id, "pause")
        let answer = try await api.act(id, "rotate")
        #expect(answer.status == 409)
        #expect(answer.code == "KEY_STATE_CONFLICT")
    }
}

@Suite("POST /api/keys/{id}/reveal")
struct KeyRevealRouteTests {
    @Test("200 answers the secret")
    func reveal() async throws {
        let api = await TestAPI()
        let (id, secret) = try await api.key()
        #expect(try await api.act(id, "reveal").json["data"]?["api_key"]?.string == secret)
    }

    @Test("200 leaves an audit line without the secret")
    func audit() async throws {
        let api = await TestAPI()
        let (id, secret) = try await api.key()
        _ = try await api.act(id, "reveal")
        #expect(api.lines.lines.contains { $0.contains(#""outcome":"revealed""#) })
        #expect(!api.lines.lines.joined().contains(secret))
    }

    @Test("403 where secrets are shown once, and a later init answers none")
    func showOnce() async throws {
        let api = await TestAPI(showsOnce: true)
        let (id, secret) = try await api.key()
        let answer = try await api.act(id, "reveal")
        #expect(answer.status == 403)
        #expect(answer.code == "KEY_STATE_CONFLICT")
        let again = try await api.initialise(#"{"service_id":"7"}"#)
        #expect(again.json["data"]?["api_key"] == nil)
        #expect(!again.text.contains(secret))
    }

    @Test("404 for another person's key")
    func unknown() async throws {
        let api = await TestAPI()
        let (id, _) = try await api.key()
        #expect(try await api.act(id, "reveal", token: "stranger").code == "KEY_NOT_FOUND")
    }

    @Test("429 counts under a limit of its own")
    func limit() async throws {
        let api = await TestAPI()
        let (id, _) = try await api.key()
        for _ in 0..<2 { #expect(try await api.act(id, "reveal").status == 200) }
        #expect(try await api.act(id, "reveal").code == "RATE_LIMITED")
        #expect(api.state.used(.owner(NamedTokens.ada.ownerMark), .reveal) == 2)
    }
}

@Suite("POST /api/keys/{id}/pause and /resume")
struct KeyPauseRouteTests {
    @Test("200 says the state, also when repeated")
    func repeated() async throws {
        let api = await TestAPI()
        let (id, _) = try await api.key()
        for (act, state) in [("pause", "paused"), ("pause", "paused"), ("resume", "live"), ("resume", "live")] {
            let answer = try await api.act(id, act)
            #expect(answer.json["data"]?["key"]?["state"]?.string == state, "\(answer.text)")
        }
    }

    @Test("400 for a body with members", arguments: ["pause", "resume"])
    func body(act: String) async throws {
        let api = await TestAPI()
        let (id, _) = try await api.key()
        #expect(try await api.act(id, act, body: #"{"x":1}"#).code == "INVALID_REQUEST")
    }

    @Test("401 without a token", arguments: ["pause", "resume"])
    func missing(act: String) async throws {
        #expect(try await TestAPI().act("101", act, token: nil).status == 401)
    }

    @Test("404 for another person's key", arguments: ["pause", "resume"])
    func unknown(act: String) async throws {
        let api = await TestAPI()
        let (id, _) = try await api.key()
        #expect(try await api.act(id, act, token: "stranger").code == "KEY_NOT_FOUND")
    }

    @Test("503 while 3scale is away", arguments: ["pause", "resume"])
    func away(act: String) async throws {
        let api = await TestAPI()
        let (id, _) = try await api.key()
        api.manager.fail(unavailable)
        #expect(try await api.act(id, act).code == "UPSTREAM_UNAVAILABLE")
    }
}

@Suite("PATCH /api/keys/{id}")
struct KeyPatchRouteTests {
    @Test("200 sets note and end")
    func set() async throws {
        let api = await TestAPI()
        let (id, _) = try await api.key()
        let answer = try await api.patch(id, #"{"note":"For CI","expires_in":60}"#)
        #expect(answer.json["data"]?["key"]?["note"]?.string == "For CI")
        #expect(answer.json["data"]?["key"]?["expires_at"]?.string == "1970-01-01T00:17:40Z")
    }

    @Test("200 takes note and end away")
    func unset() async throws {
        let api = await TestAPI()
        let (id, _) = try await api.key()
        _ = try await api.patch(id, #"{"note":"For CI","expires_in":60}"#)
        let answer = try await api.patch(id, #"{"note":"","expires_in":null}"#)
        #expect(answer.json["data"]?["key"]?["note"] == nil)
        #expect(answer.json["data"]?["key"]?["expires_at"] == nil)
    }

    @Test("400 for a body that is not as expected", arguments: [#"{"expires_in":1}"#, #"{"more":2}"#, "[]"])
    func malformed(body: String) async throws {
        let api = await TestAPI()
        let (id, _) = try await api.key()
        #expect(try await api.patch(id, body).code == "INVALID_REQUEST")
    }

    @Test("401 without a token")
    func missing() async throws {
        #expect(try await TestAPI().patch("101", "{", token: nil).status == 401)
    }

    @Test("404 for another person's key")
    func unknown() async throws {
        let api = await TestAPI()
        let (id, _) = try await api.key()
        #expect(try await api.patch(id, #"{"note":"x"}"#, token: "stranger").code == "KEY_NOT_FOUND")
    }
}

@Suite("DELETE /api/keys/{id}")
struct KeyRevocationRouteTests {
    private func revoke(_ api: TestAPI, _ id: String, token: String? = "ada") async throws -> TestAPI.Answered {
        try await api.call("DELETE", "/api/keys/\(id)", token: token)
    }

    @Test("200 says within what time the key stops, also when repeated")
    func repeated() async throws {
        let api = await TestAPI()
        let (id, _) = try await api.key()
        for _ in 0..<2 {
            let answer = try await revoke(api, id)
            #expect(answer.status == 200)
            #expect(answer.json["data"]?["stops_within_seconds"]?.int(in: 0...100) == 60)
        }
    }

    @Test("200 takes the key from its owner")
    func gone() async throws {
        let api = await TestAPI()
        let (id, _) = try await api.key()
        _ = try await revoke(api, id)
        #expect(try await api.act(id, "pause").code == "KEY_NOT_FOUND")
    }

    @Test("200 for another person's key changes nothing")
    func stranger() async throws {
        let api = await TestAPI()
        let (id, _) = try await api.key()
        _ = try await revoke(api, id, token: "stranger")
        #expect(try await api.get("/api/keys/\(id)", token: "ada").status == 200)
    }

    @Test("401 without a token")
    func missing() async throws {
        #expect(try await revoke(await TestAPI(), "101", token: nil).status == 401)
    }

    @Test("404 for an id that is none")
    func noID() async throws {
        #expect(try await revoke(await TestAPI(), "x").code == "KEY_NOT_FOUND")
    }
}
