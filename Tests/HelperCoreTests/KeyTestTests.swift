import HelperCore
import Testing

private func service(
    _ location: CredentialsPlacement.Location, endpoint: String? = "https://granite.example.com",
    idParameter: String? = nil,
    description: String? = nil
) -> Service {
    Service(
        id: 7, name: "Chat", systemName: "chat", description: description,
        authentication: idParameter == nil ? .apiKey : .appIDAndKey, proxyEndpoint: endpoint,
        placement: CredentialsPlacement(location: location, parameter: "key", idParameter: idParameter), plans: [])
}

@Suite("The request that tests a key")
struct GatewayRequestTests {
    private func request(_ service: Service) -> GatewayRequest? {
        GatewayRequest(to: service, path: TestPath(readingFrom: service.description), with: "s", publicID: "id")
    }

    @Test("The credential stands where the service wants it, and nowhere else")
    func placement() throws {
        let header = try #require(request(service(.headers)))
        #expect(header.url == "https://granite.example.com/v1/models")
        #expect(
            request(service(.headers, endpoint: "https://a.example.com/v1/"))?.url == "https://a.example.com/v1/models")
        #expect(header.fields.map(\.name) == ["key"] && header.fields.map(\.value) == ["s"])
        #expect(header.query.isEmpty && header.basic == nil)
        let query = try #require(request(service(.query, idParameter: "app")))
        #expect(query.query.map(\.name) == ["app", "key"] && query.query.map(\.value) == ["id", "s"])
        #expect(query.fields.isEmpty && query.basic == nil && !query.url.contains("?"))
        let basic = try #require(request(service(.authorization)))
        #expect(basic.basic?.name == "s" && basic.basic?.value == "" && basic.fields.isEmpty && basic.query.isEmpty)
        let pair = try #require(request(service(.authorization, idParameter: "app")))
        #expect(pair.basic?.name == "id" && pair.basic?.value == "s")
    }

    @Test(
        "An address that is none makes no request",
        arguments: [
            nil, "", "granite.example.com", "ftp://a.example.com", "https://", "https:///x",
            "https://user@a.example.com",
            "https://a.example.com?x", "https://a.example.com#x", "https://a.example.com\\@b.example.com",
            "https://a example.com", "https://ä.example.com",
        ])
    func addresses(_ endpoint: String?) {
        #expect(request(service(.headers, endpoint: endpoint)) == nil)
    }

    @Test(
        "The path is the description's, where that is a path",
        arguments: [
            (nil, "/v1/models"), ("Chat by Granite", "/v1/models"), ("Chat. test: GET /health", "/health"),
            ("Test:\nGET /v1/models?limit=1 and more", "/v1/models?limit=1"), ("test: POST /x", "/v1/models"),
            ("test: GET", "/v1/models"), ("test: GET x", "/v1/models"), ("test: GET //evil.example.com/", "/v1/models"),
            ("test: GET @evil.example.com", "/v1/models"), ("test: GET /a\\b", "/v1/models"),
            ("test: GET /a#b", "/v1/models"), ("test: GET /ä", "/v1/models"),
            ("test: GET \(String(repeating: "/", count: 1))\(String(repeating: "a", count: 1_000))", "/v1/models"),
            ("test: GET x test: GET /second", "/second"),
        ] as [(String?, String)])
    func paths(_ description: String?, _ path: String) throws {
        #expect(TestPath(readingFrom: description).description == path)
        let sent = try #require(
            request(service(.headers, endpoint: "https://a.example.com/", description: description)))
        #expect(sent.url == "https://a.example.com" + path)
    }
}

@Suite("What the answer to a test means")
struct KeyVerdictTests {
    private func verdict(
        _ status: Int, _ text: String, plain: Bool = true, state: KeyState = .live, isFresh: Bool = false,
        texts: GatewayTexts = .standard
    ) -> KeyVerdict {
        KeyVerdict(
            GatewayAnswer(status: status, isPlainText: plain, text: text, models: nil),
            to: KeyVerdict.Key(state: state, isFresh: isFresh, gatewayDelay: 60), texts: texts)
    }

    @Test(
        "The gateway's answers differ from the model's",
        arguments: [
            (200, "{}", false, KeyVerdict.Word.works), (204, "", false, .works),
            (403, "Authentication failed", true, .refused), (403, "Authentication parameters missing", true, .refused),
            (403, "Kein Zutritt", true, .refused), (403, #"{"error":"no"}"#, false, .modelError),
            (401, #"{"error":"Unauthorized"}"#, false, .modelError), (429, "Limits exceeded", true, .overLimit),
            (429, "{}", false, .overLimit), (404, "No Mapping Rule matched", true, .noRoute), (404, "", true, .noRoute),
            (404, #"{"detail":"Not Found"}"#, false, .modelError), (302, "", false, .modelError),
            (500, "", false, .modelError), (503, "<html>", false, .modelError),
        ])
    func words(_ status: Int, _ text: String, _ plain: Bool, _ word: KeyVerdict.Word) {
        let verdict = verdict(status, text, plain: plain)
        #expect(verdict.word == word)
        #expect(verdict.status == status && !verdict.explanation.isEmpty && !verdict.advice.isEmpty)
    }

    @Test("A service's own words and statuses are known")
    func ownTexts() {
        let texts = GatewayTexts(
            authenticationFailed: .init(status: 401, text: "Nein"),
            authenticationMissing: .init(status: 400, text: "Wo?"),
            noMatch: .init(status: 410, text: "Weg"), limitsExceeded: .init(status: 420, text: "Genug"))
        #expect(verdict(401, "Nein", texts: texts).word == .refused)
        #expect(verdict(400, "Wo?", texts: texts).word == .refused)
        #expect(verdict(410, "Weg", texts: texts).word == .noRoute)
        #expect(verdict(420, "Genug", texts: texts).word == .overLimit)
        #expect(verdict(400, "Bad", texts: texts).word == .modelError)
    }

    @Test(
        "A refusal is explained by the key's state",
        arguments: [
            (KeyState.pending, KeyVerdict.Word.notYet, "approval"), (.paused, .refused, "paused"),
            (.suspended, .refused, "operator"), (.expired, .refused, "time is over"), (.live, .refused, "live"),
            (.retiring, .refused, "retiring"),
        ])
    func states(_ state: KeyState, _ word: KeyVerdict.Word, _ part: String) {
        let verdict = verdict(403, "Authentication failed", state: state)
        #expect(verdict.word == word && verdict.explanation.contains(part))
    }

    @Test("A key that was changed just now is not yet known, and one that was stopped may still pass")
    func lately() {
        #expect(verdict(403, "Authentication failed", isFresh: true).word == .notYet)
        #expect(verdict(403, "Authentication failed", state: .paused, isFresh: true).word == .refused)
        let passing = verdict(200, "{}", state: .paused)
        #expect(
            passing.word == .works && passing.explanation.contains("still") && passing.advice.contains("60 seconds"))
    }

    @Test("Failures without an answer")
    func failures() throws {
        let words: [(GatewayFailure, KeyVerdict.Word)] = [
            (.timeout, .unreachable), (.unreachable("refused"), .unreachable),
            (.untrusted("self-signed"), .untrustedCertificate), (.tooLong, .modelError),
            (.impossible("x"), .unreachable),
        ]
        for (failure, word) in words {
            let verdict = try #require(KeyVerdict(failure))
            #expect(verdict.word == word && verdict.status == nil && verdict.models == nil)
        }
        #expect(KeyVerdict(.busy) == nil)
        #expect(KeyVerdict.noAddress.word == .unreachable)
    }
}
