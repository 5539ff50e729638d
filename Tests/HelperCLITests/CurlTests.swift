import JSON
import Testing
import WireContract

@testable import HelperCLI

@Suite("The curl command of a key")
struct CurlTests {
    private static func command(
        endpoint: String = "https://a.example", location: String = "headers", parameter: String = "user_key",
        idParameter: String? = nil, secret: String = "s3cret"
    ) throws -> String {
        var credentials: JSONObject = ["location": .string(location), "parameter": .string(parameter)]
        if let idParameter { credentials["id_parameter"] = .string(idParameter) }
        let service = try WireService(
            [
                "id": "7", "name": "Granite", "system_name": "granite", "proxy_endpoint": .string(endpoint),
                "authentication_method": "api_key", "credentials": .object(credentials), "has_api_key": true,
            ])
        return try KeyOutput(service: service, secret: secret, publicID: idParameter == nil ? nil : "id").curl()
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
