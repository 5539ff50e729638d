import HTTPClient
import Testing

@Suite("The hosts without a proxy")
struct ProxyExceptionsTests {
    @Test(
        "are put into libcurl's words",
        arguments: [
            (".svc, localhost", ".svc,localhost"), ("*.corp.test", ".corp.test"), ("127.*", "127.0.0.0/8"),
            ("10.1.*.*", "10.1.0.0/16"), ("*", "*"), ("[::1]", "::1"), ("fe80::1", "fe80::1"), ("a b", "a,b"),
            ("10.0.0.0/8,", "10.0.0.0/8"), ("x*", ""), ("300.*", ""), ("sso.corp.test:8443", ""),
        ])
    func everywhere(_ text: String, _ list: String) {
        #expect(ProxyExceptions(text).list(forPort: 443) == list)
    }

    @Test("count for one port where one is named")
    func ports() {
        let exceptions = ProxyExceptions("a,b:8443,[::1]:80,*.c:8443")
        #expect(exceptions.list(forPort: 443) == "a")
        #expect(exceptions.list(forPort: 8443) == "a,b,.c")
        #expect(exceptions.list(forPort: 80) == "a,::1")
    }
}
