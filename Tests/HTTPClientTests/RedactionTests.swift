import Testing

@testable import HTTPClient

@Suite("What libcurl says of a proxy")
struct RedactionTests {
    @Test(
        "holds no part of its password",
        arguments: ["s3cr@tpass", "s3cr/tpass", "s3cr#tpass", "s3cr?tpass", "s3cr:tpass", "s3cr'tpass", "s3cr tpass"])
    func password(_ password: String) async throws {
        for proxy in [
            "http://user1:\(password)@127.0.0.1:1", "user1:\(password)@127.0.0.1:1", "foo://user1:\(password)@x",
        ] {
            try await withClient {
                $0.httpProxy = proxy
            } _: { client, _, _ in
                let outcome = await client.outcome(HTTPClientRequest(url: "http://192.0.2.1/", timeout: .seconds(20)))
                guard case .failure(let error) = outcome else {
                    Issue.record("an answer")
                    return
                }
                for part in ["s3cr", "tpass", "user1"] { #expect(!error.description.contains(part), "\(error)") }
            }
        }
    }

    @Test("keeps what is not secret")
    func ordinary() {
        let message = "Failed to connect to proxy.example port 3128 after 0 ms: Could not connect to server"
        #expect(URLRedaction.redact(message, credentials: "ada:secret") == message)
        #expect(
            URLRedaction.redact("Unsupported proxy syntax in 'http://a:b'c@h:1': bad", credentials: nil)
                == "Unsupported proxy syntax in '(URL)': bad")
        #expect(URLRedaction.redact("Could not resolve proxy: cret@host", credentials: "ada:se@cret").isEmpty)
    }
}
