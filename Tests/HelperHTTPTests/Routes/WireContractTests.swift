import HTTPServer
import JSON
import Testing
import WireContract

@testable import HelperHTTP

/// What the server's encoders write is what the command line's readers take: both are held together here, for each answer that
/// the command line reads.
@Suite("The wire contract")
struct WireContractTests {
    private func data(_ answer: TestAPI.Answered) throws -> WireObject {
        guard case .success(_, let data) = try WireEnvelope(answer.response.body) else { throw NoSuccess() }
        return data
    }

    private struct NoSuccess: Error {}

    @Test("holds for the catalogue, for plans, and for keys that are made, listed, shown, revealed and stopped")
    func answers() async throws {
        let api = await TestAPI()
        let made = try data(try await api.initialise(#"{"service_id":"7"}"#))
        #expect(try WireCredentials(made).secret != nil)
        let list = try WireServiceList(data(try await api.get("/api/services", token: "ada")))
        #expect(list.user == "ada" && list.services.contains { $0.id == "7" && $0.hasKey })
        let secret = try #require(try WireCredentials(made).secret)
        #expect(!String(decoding: list.shown.encoded(), as: UTF8.self).contains(secret))
        for value in try data(try await api.get("/api/services/7/plans", token: "ada")).list("plans") {
            _ = try WirePlan(value)
        }
        let page = try WireKeyPage(data(try await api.get("/api/keys", token: "ada")))
        let key = try #require(page.keys.first)
        for (method, path) in [
            ("GET", ""), ("POST", "/reveal"), ("POST", "/pause"), ("POST", "/resume"), ("POST", "/rotate"),
        ] {
            let answer = try data(try await api.call(method, "/api/keys/\(key.id)\(path)", token: "ada"))
            #expect(try WireKey(answer.object["key"]).name == key.name)
            if path == "/reveal" { #expect(try WireCredentials(answer).secret == secret) }
        }
        let revoked = try data(try await api.call("DELETE", "/api/keys/\(key.id)", token: "ada"))
        #expect(try revoked.text("id") == key.id && revoked.optionalNumber("stops_within_seconds") != nil)
    }

    @Test("holds for refusals")
    func refusals() async throws {
        let api = await TestAPI()
        for answer in [
            try await api.get("/api/services"), try await api.get("/api/keys/999", token: "ada"),
            try await api.initialise("{}"), try await api.get("/api/nonesuch"),
        ] {
            guard case .failure(let failure) = try WireEnvelope(answer.response.body) else { throw NoSuccess() }
            #expect(failure.code == answer.code && !failure.message.isEmpty && !failure.requestID.isEmpty)
        }
    }
}
