import Bytes
import HTTP
import HTTPServer
import HelperHTTP
import Testing

@Suite("The client's address behind proxies")
struct ClientAddressTests {
    private let addresses = ClientAddresses(
        trusted: ["127.0.0.1", "10.0.0.0/8", "2001:db8:1::/48"].compactMap(AddressRange.init))

    /// The client of a request that a trusted proxy has sent on, with these field lines.
    private func client(_ lines: [String], peer: String = "127.0.0.1") throws -> String {
        var machine = RequestMachine(limits: MessageLimits())
        machine.receive {
            $0 += Array("GET / HTTP/1.1\r\nHost: a\r\n\(lines.map { $0 + "\r\n" }.joined())\r\n".utf8)
        }
        guard case .request(let head, let body) = try machine.next() else { return "no request" }
        let request = Request(head: head, body: body, id: "a", remoteAddress: peer)
        return addresses.client(of: request) ?? peer
    }

    @Test(
        "is the last hop that no trusted proxy vouches for",
        arguments: [
            ([], "127.0.0.1"), (["X-Forwarded-For: 203.0.113.7"], "203.0.113.7"),
            (["X-Forwarded-For: 198.51.100.1, 203.0.113.7, 10.1.1.1"], "203.0.113.7"),
            (["X-Forwarded-For: 198.51.100.1", "X-Forwarded-For: 203.0.113.7 ,\t10.1.1.1"], "203.0.113.7"),
            (["X-Forwarded-For: 203.0.113.7:4711"], "203.0.113.7"),
            (["X-Forwarded-For: [2001:db8::7]:4711, 2001:db8:1::1"], "2001:db8::7"),
            (["X-Forwarded-For: 203.0.113.7, unknown, 10.1.1.1"], "10.1.1.1"),
            (["X-Forwarded-For: 203.0.113.7, , 10.1.1.1"], "10.1.1.1"),
            (["X-Forwarded-For: 10.1.1.2, 10.1.1.1"], "10.1.1.2"),
            (["Forwarded: for=203.0.113.7;proto=http, for=10.1.1.1"], "203.0.113.7"),
            (["Forwarded: For=\"[2001:db8::7]:4711\";by=_hidden"], "2001:db8::7"),
            (["Forwarded: for=\"203.0.\\113.7\""], "203.0.113.7"),
            (["Forwarded: for=203.0.113.7;for=10.1.1.1"], "127.0.0.1"), (["Forwarded: for=\"203.0.113.7"], "127.0.0.1"),
            (["Forwarded: for=_hidden, for=10.1.1.1"], "10.1.1.1"),
        ])
    func chains(_ lines: [String], _ expected: String) throws { #expect(try client(lines) == expected) }

    @Test("is the peer's where the peer is not trusted")
    func stranger() throws {
        #expect(try client(["X-Forwarded-For: 203.0.113.7"], peer: "192.0.2.1") == "192.0.2.1")
    }

    @Test(
        "comes from the longer chain where one only extends the other",
        arguments: [
            (["X-Forwarded-For: 203.0.113.7, 10.1.1.1", "Forwarded: for=10.1.1.1"], "203.0.113.7"),
            (["X-Forwarded-For: 10.1.1.1", "Forwarded: for=203.0.113.7, for=10.1.1.1;host=a"], "203.0.113.7"),
            (["X-Forwarded-For: 203.0.113.7", "Forwarded: for=203.0.113.7"], "203.0.113.7"),
            // What the client made up stands before its own address, whatever it writes.
            (["X-Forwarded-For: 198.51.100.1, 203.0.113.7", "Forwarded: for=203.0.113.7"], "203.0.113.7"),
            (["X-Forwarded-For:", "Forwarded: for=203.0.113.7"], "203.0.113.7"),
        ])
    func extended(_ lines: [String], _ expected: String) throws { #expect(try client(lines) == expected) }

    @Test(
        "is the peer's where the chains contradict each other",
        arguments: [
            ["X-Forwarded-For: 203.0.113.7", "Forwarded: for=198.51.100.1"],
            ["X-Forwarded-For: 203.0.113.7, 10.1.1.1", "Forwarded: for=198.51.100.1, for=10.1.1.1"],
            ["X-Forwarded-For: 203.0.113.7, 10.1.1.1", "Forwarded: for=10.1.1.2"],
        ])
    func contradiction(_ lines: [String]) throws { #expect(try client(lines) == "127.0.0.1") }

    @Test(
        "is found in a Forwarded field with empty values, pairs and elements (RFC 7239 §4)",
        arguments: [
            "for=203.0.113.7;host=;proto=http", "host=;for=203.0.113.7", "for=203.0.113.7;;proto=http;",
            ";for=203.0.113.7",
            ",for=203.0.113.7, ,", "for=203.0.113.7;host=\"\"",
        ])
    func empties(_ value: String) throws { #expect(try client(["Forwarded: \(value)"]) == "203.0.113.7") }

    @Test("is found in chains as long as a head may be")
    func long() throws {
        let hops = String(repeating: "10.0.0.1,", count: 3_000)
        #expect(try client(["X-Forwarded-For: 203.0.113.7,\(hops)10.0.0.1"]) == "203.0.113.7")
        let elements = String(repeating: "for=10.0.0.1,", count: 2_000)
        #expect(try client(["Forwarded: for=203.0.113.7,\(elements)"]) == "203.0.113.7")
    }
}
