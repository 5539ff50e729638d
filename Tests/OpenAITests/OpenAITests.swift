import OpenAI
import Testing

@Suite("Where OpenAI's API is served")
struct OpenAIURLTests {
    @Test(
        "is below /v1, once",
        arguments: [
            "https://a.example", "https://a.example/", "https://a.example//", "https://a.example/v1",
            "https://a.example/v1/",
        ])
    func base(_ endpoint: String) { #expect(OpenAIURL.base(of: endpoint) == "https://a.example/v1") }

    @Test("is not below a path that only resembles it")
    func others() {
        #expect(OpenAIURL.base(of: "https://a.example/xv1") == "https://a.example/xv1/v1")
        #expect(OpenAIURL.base(of: "") == "/v1")
    }
}

@Suite("Headers for OpenAI's clients")
struct OpenAIHeadersTests {
    @Test("are one on each line, without the one that the clients send by themselves")
    func lines() {
        #expect(
            OpenAIHeaders.text([("app_id", "1"), ("Authorization", "k"), ("app_key", "2")]) == "app_id: 1\napp_key: 2")
        #expect(OpenAIHeaders.text([("authorization", "k")]) == nil)
    }

    @Test(
        "are left out where one would be taken for something else",
        arguments: [("a:b", "c"), ("a", "b\nc"), ("a\r", "b")])
    func unreadable(_ name: String, _ value: String) { #expect(OpenAIHeaders.text([(name, value)]) == nil) }
}
