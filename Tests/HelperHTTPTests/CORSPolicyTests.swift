import HelperHTTP
import Testing

@Suite("An origin")
struct CORSPolicyTests {
    @Test(
        "is scheme, host and port as a browser writes them",
        arguments: [
            ("https://portal.example.com", true), ("http://localhost:3000", true), ("http://[::1]:8080", true),
            ("https://portal.example.com/", false), ("https://portal.example.com:443", false),
            ("http://portal.example.com:80", false), ("https://Portal.example.com", false), ("*", false),
            ("null", false), ("portal.example.com", false), ("https://", false), ("https://a b", false),
            ("https://user@portal.example.com", false), ("ftp://portal.example.com", false),
            ("https://portal.example.com:", false), ("https://portal.example.com:99999", false),
            ("https://a:1:2", false),
            ("http://[::1", false), ("https://*.example.com", false),
        ])
    func origins(_ text: String, _ isOrigin: Bool) { #expect(CORSPolicy.isOrigin(text) == isOrigin) }
}
