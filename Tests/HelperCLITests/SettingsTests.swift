import Testing

@testable import HelperCLI

@Suite("URLs that tokens are sent to")
struct SettingsTests {
    private func isAccepted(_ url: String, _ environment: [String: String] = [:]) throws -> Bool {
        let settings = try CLISettings(environment)
        do throws(CommandFailure) {
            try settings.check(url, "The server")
            return true
        } catch {
            return false
        }
    }

    @Test(
        "are https, or plain http to this machine",
        arguments: [
            "https://a.example", "https://a.example:8443/realms/mlaas/token", "HTTPS://a.example",
            "http://localhost", "http://LOCALHOST:8080/x", "http://127.0.0.1:8080/x", "http://[::1]:8080",
        ])
    func accepted(_ url: String) throws {
        #expect(try isAccepted(url))
    }

    @Test(
        "are refused otherwise",
        arguments: [
            "", "a.example", "ftp://a.example", "file:///etc/passwd", "telnet://a.example", "javascript:alert(1)",
            "http://a.example", "HTTP://a.example", "http://localhost:x@evil.example/",
            "http://localhost:80@evil.example/", "http://localhost@evil.example", "http://localhost:x/",
            "http://localhost.evil.example", #"http://localhost\@evil.example/"#, "https://user:word@a.example",
            "https://a.example/\n", "https://a.example/\u{1B}[2J", " https://a.example", "https://",
        ])
    func refused(_ url: String) throws {
        #expect(try !isAccepted(url))
    }

    @Test("may be plain http to any machine, and nothing else, where ALLOW_INSECURE_HTTP is set")
    func insecure() throws {
        let environment = ["ALLOW_INSECURE_HTTP": "true"]
        #expect(try isAccepted("http://a.example", environment))
        #expect(try !isAccepted("ftp://a.example", environment))
        #expect(try !isAccepted("http://localhost:x@evil.example/", environment))
    }
}
