import JSON
import Testing

@testable import HelperCLI

@Suite("A kept sign-in")
struct RecordTests {
    private let record = TokenRecord(
        server: "https://mlaas.example.com", issuer: "https://sso.example.com/realms/mlaas", clientID: "mlaas-cli",
        tokenEndpoint: "https://sso.example.com/token", revocationEndpoint: nil, accessToken: "access",
        refreshToken: "refresh", obtainedAt: 1_000, lifetime: 300)

    @Test("is read as it was written")
    func roundTrip() {
        #expect(TokenRecord(record.encoded) == record)
    }

    @Test("is refused when it is cut anywhere")
    func cut() {
        let bytes = record.encoded
        for count in 0..<bytes.count - 1 { #expect(TokenRecord(Array(bytes.prefix(count))) == nil) }
    }

    @Test(
        "is fresh from its beginning until a minute before its end, by whatever clock",
        arguments: [(999, false), (1_000, true), (1_239, true), (1_240, false), (2_000, false), (0, false)])
    func freshness(now: Int, isFresh: Bool) {
        #expect(record.isFresh(at: now) == isFresh)
    }

    @Test("of a short life is used for half of it")
    func shortLife() throws {
        let tokens = try #require(TokenAnswer(["access_token": "new", "expires_in": 10]))
        let renewed = record.replacing(tokens, at: 5_000)
        #expect(renewed.isFresh(at: 5_004) && !renewed.isFresh(at: 5_005))
    }

    @Test("keeps the refresh token where an answer holds none, and takes the new one where it holds one")
    func rotation() throws {
        let same = try #require(TokenAnswer(["access_token": "new"]))
        #expect(record.replacing(same, at: 0).refreshToken == "refresh")
        let other = try #require(TokenAnswer(["access_token": "new", "refresh_token": "next"]))
        #expect(record.replacing(other, at: 0).refreshToken == "next")
    }

    @Test(
        "is not made of an answer without a usable token",
        arguments: [
            ["access_token": ""], ["access_token": 5], ["token": "x"], ["access_token": "a b"],
            ["access_token": "a\r\nX-Evil: 1"],
        ] as [JSONObject])
    func refused(_ answer: JSONObject) {
        #expect(TokenAnswer(answer) == nil)
    }

    @Test("of an absurd lifetime does not trap")
    func lifetimes() throws {
        for text in ["-5", "0", "1e300", "9223372036854775807"] {
            let object = try #require(
                JSONValue(parsing: Array(#"{"access_token":"a","expires_in":\#(text)}"#.utf8)).object)
            let tokens = try #require(TokenAnswer(object))
            #expect(!record.replacing(tokens, at: 0).isFresh(at: .max))
        }
    }
}

@Suite("An issuer's documents")
struct IssuerDocumentTests {
    @Test("A discovery document of another issuer is refused")
    func issuer() {
        let document: JSONObject = ["issuer": "https://a.example", "token_endpoint": "https://a.example/token"]
        #expect(IssuerEndpoints(document, issuer: "https://a.example")?.token == "https://a.example/token")
        #expect(IssuerEndpoints(document, issuer: "https://a.example/") == nil)
        #expect(IssuerEndpoints(["issuer": "https://a.example"], issuer: "https://a.example") == nil)
    }

    @Test("A device answer has usual values for what it leaves out, and none below a second")
    func device() throws {
        let least: JSONObject = ["device_code": "d", "user_code": "u", "verification_uri": "https://a.example/device"]
        #expect(DeviceCode(least)?.interval == 5 && DeviceCode(least)?.lifetime == 600)
        var hasty = least
        hasty["interval"] = 0
        #expect(DeviceCode(hasty)?.interval == 5)
        #expect(DeviceCode(["device_code": "d"]) == nil)
    }
}
