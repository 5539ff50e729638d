import Bytes
import Testing

@Suite("A URL of the web")
struct WebURLTests {
    @Test("is divided into what is written")
    func parts() throws {
        let url = try #require(WebURL("HTTP://API.example.com:8080/a%20b/@c?d=/#e"))
        #expect(!url.isSecure)
        #expect(url.host == "API.example.com")
        #expect(url.port == 8080)
        #expect(url.base == "http://API.example.com:8080")
        #expect(url.rest == "/a%20b/@c?d=/#e")
        #expect(url.path == "/a%20b/@c")
        #expect(url.origin == "http://api.example.com:8080")
    }

    @Test(
        "has the scheme's own port where none is written, and an origin without it",
        arguments: [
            ("https://a", 443, "https://a"), ("http://a", 80, "http://a"), ("https://a:443/", 443, "https://a"),
            ("http://a:443", 443, "http://a:443"), ("http://[::1]:80", 80, "http://[::1]"),
            ("http://[::]", 80, "http://[::]"),
        ])
    func ports(_ text: String, _ port: Int, _ origin: String) throws {
        let url = try #require(WebURL(text))
        #expect(url.port == port)
        #expect(url.origin == origin)
    }

    @Test(
        "is refused where it would have to be guessed or repaired",
        arguments: [
            "", "a", "//a", "ftp://a", "https:a", "https:/a", "https://", "https:///x", "https://?x", "https://:80",
            "https://user@a", "https://user:secret@a", "https://@a", "https://a:", "https://a:/", "https://a:0",
            "https://a:65536", "https://a:080", "https://a:+80", "https://a:b", "https://a:1:2", "https://[::1",
            "https://::1",
            "https://[::1]x", "https://a b", "https://a/b c", "https://a/\n", "https://a\\@b", "https://a/%zz",
            "https://ä",
            "https://a/ä", "https://a/{b}", " https://a", "https://a/\u{0}",
        ])
    func refused(_ text: String) { #expect(WebURL(text) == nil) }

    @Test(
        "is loopback by the whole of its host",
        arguments: [
            ("http://localhost", true), ("http://LOCALHOST:80/x", true), ("http://127.0.0.1:1", true),
            ("http://[::1]/", true),
            ("http://localhost.example.com", false), ("http://127.0.0.1.example.com", false),
            ("http://a/localhost", false),
        ])
    func loopback(_ text: String, _ isLoopback: Bool) { #expect(WebURL(text)?.isLoopback == isLoopback) }
}
