import HTTP
import Testing

@Suite("The response encoder")
struct ResponseEncoderTests {
    private func encode(
        _ status: HTTPStatus, _ fields: [(String, String)] = [], body: String = "", isHead: Bool = false,
        connection: ResponseEncoder.Connection = .unsaid
    ) throws -> String {
        var out = ResponseEncoder.statusLine(status) + Array("date: x\r\n".utf8)
        try ResponseEncoder.finish(
            status: status, fields: HTTPFields(fields), body: Array(body.utf8), isHead: isHead, connection: connection,
            into: &out)
        return String(decoding: out, as: UTF8.self)
    }

    @Test("writes head and body")
    func whole() throws {
        let text = try encode(.ok, [("Content-Type", "text/plain")], body: "hello", connection: .close)
        #expect(
            text
                == "HTTP/1.1 200 OK\r\ndate: x\r\ncontent-type: text/plain\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello"
        )
    }

    @Test("tells the length of what HEAD would have got, and sends none of it (RFC 9110 §9.3.2)")
    func head() throws {
        #expect(try encode(.ok, body: "hello", isHead: true).hasSuffix("content-length: 5\r\n\r\n"))
    }

    @Test(
        "sends no body and no length with 204 and 304 (RFC 9110 §6.4.1)",
        arguments: [HTTPStatus.noContent, .notModified])
    func bodiless(_ status: HTTPStatus) throws {
        let text = try encode(status, body: "hello")
        #expect(!text.contains("content-length") && text.hasSuffix("\r\n\r\n"))
    }

    @Test(
        "refuses what would split the response (RFC 9112 §11.1)",
        arguments: [("x", "a\r\nSet-Cookie: b"), ("x", "a\nb"), ("x", "a\u{0}"), ("x y", "a"), ("", "a"), ("x:", "a")])
    func splitting(_ name: String, _ value: String) {
        #expect(throws: ResponseEncoder.InvalidField.self) { try encode(.ok, [(name, value)]) }
    }

    @Test(
        "formats dates (RFC 9110 §5.6.7)",
        arguments: [
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"), (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        ])
    func dates(_ seconds: Int, _ text: String) {
        #expect(HTTPDate.format(seconds) == text)
    }

    @Test(
        "decodes percent-encoding, or says that it is none",
        arguments: [
            ("a%20b", "a b"), ("%C3%A9", "é"), ("%", nil), ("%4", nil), ("%zz", nil), ("%C3", nil), ("a+b", "a+b"),
        ])
    func percent(_ text: String, _ decoded: String?) {
        #expect(PercentEncoding.decode(Array(text.utf8)) == decoded)
    }
}
