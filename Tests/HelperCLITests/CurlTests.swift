import JSON
import Testing
import WireContract

@testable import HelperCLI

enum OutputOfKey {
    static func make(
        endpoint: String = "https://a.example", location: String = "headers", parameter: String = "user_key",
        idParameter: String? = nil, secret: String = "s3cret", authentication: String = "api_key"
    ) throws -> KeyOutput {
        var credentials: JSONObject = ["location": .string(location), "parameter": .string(parameter)]
        if let idParameter { credentials["id_parameter"] = .string(idParameter) }
        let service = try WireService(
            [
                "id": "7", "name": "Granite", "system_name": "granite", "proxy_endpoint": .string(endpoint),
                "authentication_method": .string(authentication), "credentials": .object(credentials),
                "has_api_key": true,
            ])
        return KeyOutput(service: service, secret: secret, publicID: idParameter == nil ? nil : "id")
    }
}

@Suite("The headers that OpenAI's clients add")
struct CustomHeadersTests {
    private static func headers(_ output: KeyOutput) throws -> String? {
        try output.variables().first { $0.name == "OPENAI_CUSTOM_HEADERS" }?.value
    }

    @Test("hold the key, and the id before it, where the service wants headers of its own")
    func headers() throws {
        #expect(try Self.headers(OutputOfKey.make()) == "user_key: s3cret")
        let pair = try OutputOfKey.make(parameter: "app_key", idParameter: "app_id")
        #expect(try Self.headers(pair) == "app_id: id\napp_key: s3cret")
        #expect(try pair.lines(exports: true).contains("OPENAI_CUSTOM_HEADERS='app_id: id\napp_key: s3cret'"))
        // A reader of .env files may take a line for a variable.
        #expect(try !pair.lines(exports: false).contains("OPENAI_CUSTOM_HEADERS"))
        #expect(try pair.linesLeftOut() == ["OPENAI_CUSTOM_HEADERS"] && OutputOfKey.make().linesLeftOut().isEmpty)
    }

    @Test("and every other variable that the service does not use are unset, as the key of another one may be in them")
    func unused() throws {
        let plain = try OutputOfKey.make(location: "query").lines(exports: true).split(separator: "\n")
        #expect(plain.prefix(3) == ["unset MLAAS_CLIENT_ID;", "unset MLAAS_APP_ID;", "unset OPENAI_CUSTOM_HEADERS;"])
        #expect(plain.count == 5 && plain.allSatisfy { $0.hasSuffix(";") })
        let pair = try OutputOfKey.make(parameter: "app_key", idParameter: "app_id").lines(exports: true)
        #expect(pair.hasPrefix("unset MLAAS_CLIENT_ID;\nexport ") && !pair.contains("unset MLAAS_APP_ID"))
    }

    @Test("are absent where the service wants none")
    func none() throws {
        #expect(try Self.headers(OutputOfKey.make(parameter: "Authorization")) == nil)
        #expect(try Self.headers(OutputOfKey.make(location: "query")) == nil)
        #expect(try Self.headers(OutputOfKey.make(location: "authorization")) == nil)
        #expect(try Self.headers(OutputOfKey.make(idParameter: "x", authentication: "oidc")) == nil)
    }

    @Test("are absent where a name or a value would make another header", arguments: ["k\nx", "k\r", "k: v", "k\u{0}"])
    func injected(_ name: String) throws {
        #expect(try Self.headers(OutputOfKey.make(parameter: name)) == nil)
        #expect(try Self.headers(OutputOfKey.make(secret: "s\n" + name)) == nil)
    }
}

@Suite("The curl command of a key")
struct CurlTests {
    private static func command(
        endpoint: String = "https://a.example", location: String = "headers", parameter: String = "user_key",
        idParameter: String? = nil, secret: String = "s3cret"
    ) throws -> String {
        try OutputOfKey.make(
            endpoint: endpoint, location: location, parameter: parameter, idParameter: idParameter, secret: secret
        ).curl()
    }

    @Test("A control character in any part is refused", arguments: ["\n", "\r", "\u{0}", "\u{1B}", "\u{7F}"])
    func controls(_ control: String) {
        let end = "\(control)MLAAS_END\(control)touch /tmp/x"
        #expect(throws: CommandFailure.self) { try Self.command(endpoint: "https://a.example/\(end)") }
        #expect(throws: CommandFailure.self) { try Self.command(parameter: "user_key\(end)") }
        #expect(throws: CommandFailure.self) { try Self.command(parameter: "k", idParameter: "id\(end)") }
        #expect(throws: CommandFailure.self) { try Self.command(secret: "s3cret\(end)") }
    }

    @Test("A quote or a backslash in a name or an endpoint ends no value of curl's configuration")
    func quotes() throws {
        let header = try Self.command(endpoint: #"https://a.example/"b"#, parameter: #"k"\"#, idParameter: #"i"d"#)
        #expect(header.contains(#"url = "https://a.example/\"b/v1/models""#))
        #expect(header.contains(#"header = "k\"\\: s3cret""#) && header.contains(#"header = "i\"d: id""#))
        let query = try Self.command(location: "query", parameter: #"k"&x"#, idParameter: #"i"d"#)
        #expect(query.contains(#"?i%22d=id&k%22%26x=s3cret""#))
    }

    @Test("A header whose name begins with @ would have curl read a file, and is refused")
    func file() {
        #expect(throws: CommandFailure.self) { try Self.command(parameter: "@/etc/passwd") }
        #expect(throws: CommandFailure.self) { try Self.command(parameter: "k", idParameter: "@/etc/passwd") }
    }
}
