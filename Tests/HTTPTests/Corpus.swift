import HTTP
import Testing

/// One input of the request machine and what it must say, with the section that decides it.
struct CorpusCase: Sendable, CustomTestStringConvertible {
    enum Verdict: Sendable, Equatable {
        /// `METHOD target body`, one line a request.
        case requests([String])
        case refused(ProtocolError)
        case needsMore
    }

    let name: String
    let section: String
    let input: String
    let verdict: Verdict

    init(_ name: String, _ section: String, _ input: String, _ verdict: Verdict) {
        self.name = name
        self.section = section
        self.input = input
        self.verdict = verdict
    }

    var testDescription: String { "\(name) (\(section))" }
}

let host = "Host: a.example\r\n"

let corpus: [CorpusCase] = [
    // Request line
    .init("a plain request", "9112 §3", "GET / HTTP/1.1\r\n\(host)\r\n", .requests(["GET / -"])),
    .init("a query", "9112 §3.2.1", "GET /a/b?c=d%20e HTTP/1.1\r\n\(host)\r\n", .requests(["GET /a/b?c=d%20e -"])),
    .init("one empty line before", "9112 §2.2", "\r\nGET / HTTP/1.1\r\n\(host)\r\n", .requests(["GET / -"])),
    .init("two empty lines before", "9112 §2.2", "\r\n\r\nGET / HTTP/1.1\r\n\(host)\r\n", .refused(.requestLine)),
    .init("bare LF", "9112 §2.2", "GET / HTTP/1.1\nHost: a\n\n", .refused(.lineEnding)),
    .init("bare LF after a field", "9112 §2.2", "GET / HTTP/1.1\r\nHost: a\n\r\n", .refused(.lineEnding)),
    .init("CR inside the line", "9112 §2.2", "GET / HTTP/1.1\rX\r\n\(host)\r\n", .refused(.requestLine)),
    .init("blank before the method", "9112 §3", " GET / HTTP/1.1\r\n\(host)\r\n", .refused(.requestLine)),
    .init("two spaces", "9112 §3", "GET  / HTTP/1.1\r\n\(host)\r\n", .refused(.requestLine)),
    .init("a tab for a space", "9112 §3", "GET\t/ HTTP/1.1\r\n\(host)\r\n", .refused(.requestLine)),
    .init("a space at the end", "9112 §3", "GET / HTTP/1.1 \r\n\(host)\r\n", .refused(.requestLine)),
    .init("no version", "9112 §3", "GET /\r\n\(host)\r\n", .refused(.requestLine)),
    .init("lower-case protocol", "9112 §2.3", "GET / http/1.1\r\n\(host)\r\n", .refused(.requestLine)),
    .init("HTTP/2.0", "9110 §15.6.6", "GET / HTTP/2.0\r\n\(host)\r\n", .refused(.version)),
    .init("the preface of HTTP/2", "9113 §3.4", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .refused(.version)),
    .init("HTTP/1.2", "9110 §15.6.6", "GET / HTTP/1.2\r\n\(host)\r\n", .refused(.version)),
    .init("HTTP/1.10", "9112 §2.3", "GET / HTTP/1.10\r\n\(host)\r\n", .refused(.requestLine)),
    .init("another method", "9110 §9.1", "BREW / HTTP/1.1\r\n\(host)\r\n", .requests(["BREW / -"])),
    .init("a method with a slash", "9110 §9.1", "GE/T / HTTP/1.1\r\n\(host)\r\n", .refused(.requestLine)),
    // Target
    .init("absolute form", "9112 §3.2.2", "GET http://b.example/x HTTP/1.1\r\n\(host)\r\n", .requests(["GET /x -"])),
    .init("absolute form, other scheme", "9112 §3.2.2", "GET ftp://b/x HTTP/1.1\r\n\(host)\r\n", .refused(.target)),
    .init("absolute form without a host", "9110 §4.2.1", "GET http:///x HTTP/1.1\r\n\(host)\r\n", .refused(.target)),
    .init("user information", "9110 §4.2.4", "GET http://u@b/x HTTP/1.1\r\n\(host)\r\n", .refused(.target)),
    .init("OPTIONS *", "9112 §3.2.4", "OPTIONS * HTTP/1.1\r\n\(host)\r\n", .requests(["OPTIONS * -"])),
    .init("GET *", "9112 §3.2.4", "GET * HTTP/1.1\r\n\(host)\r\n", .refused(.target)),
    .init("authority form", "9112 §3.2.3", "CONNECT a:443 HTTP/1.1\r\n\(host)\r\n", .refused(.target)),
    .init("a relative target", "9112 §3.2", "GET x HTTP/1.1\r\n\(host)\r\n", .refused(.target)),
    .init("a fragment", "9112 §3.2", "GET /#x HTTP/1.1\r\n\(host)\r\n", .refused(.target)),
    .init("a quote in the target", "3986 §2", "GET /\" HTTP/1.1\r\n\(host)\r\n", .refused(.target)),
    .init("half an escape", "3986 §2.1", "GET /%2 HTTP/1.1\r\n\(host)\r\n", .refused(.target)),
    .init("not an escape", "3986 §2.1", "GET /%zz HTTP/1.1\r\n\(host)\r\n", .refused(.target)),
    .init("a raw non-ASCII byte", "3986 §2", "GET /é HTTP/1.1\r\n\(host)\r\n", .refused(.target)),
    // Host
    .init("no Host", "9112 §3.2", "GET / HTTP/1.1\r\n\r\n", .refused(.host)),
    .init("two Hosts", "9112 §3.2", "GET / HTTP/1.1\r\n\(host)\(host)\r\n", .refused(.host)),
    .init("an empty Host", "9110 §7.2", "GET / HTTP/1.1\r\nHost:\r\n\r\n", .refused(.host)),
    .init("a Host with a path", "9110 §7.2", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", .refused(.host)),
    .init("a Host with a bad port", "9110 §7.2", "GET / HTTP/1.1\r\nHost: a:8x\r\n\r\n", .refused(.host)),
    .init("an IPv6 Host", "9110 §7.2", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", .requests(["GET / -"])),
    .init("HTTP/1.0 without Host", "9112 §3.2", "GET / HTTP/1.0\r\n\r\n", .requests(["GET / -"])),
    // Fields
    .init("a space before the colon", "9112 §5.1", "GET / HTTP/1.1\r\n\(host)A : b\r\n\r\n", .refused(.field)),
    .init("a folded line", "9112 §5.2", "GET / HTTP/1.1\r\n\(host)A: b\r\n c\r\n\r\n", .refused(.field)),
    .init("no colon", "9112 §5", "GET / HTTP/1.1\r\n\(host)Abc\r\n\r\n", .refused(.field)),
    .init("no name", "9112 §5", "GET / HTTP/1.1\r\n\(host): b\r\n\r\n", .refused(.field)),
    .init("NUL in a value", "9110 §5.5", "GET / HTTP/1.1\r\n\(host)A: b\u{0}c\r\n\r\n", .refused(.field)),
    .init("CR in a value", "9110 §5.5", "GET / HTTP/1.1\r\n\(host)A: b\rc\r\n\r\n", .refused(.field)),
    .init("a blank first field line", "9112 §2.2", "GET / HTTP/1.1\r\n \(host)\r\n", .refused(.field)),
    .init("non-ASCII in a value", "9110 §5.5", "GET / HTTP/1.1\r\n\(host)A: é\r\n\r\n", .requests(["GET / -"])),
    // Length
    .init(
        "a body by length", "9112 §6.2", "POST /x HTTP/1.1\r\n\(host)Content-Length: 3\r\n\r\nabc",
        .requests(["POST /x abc"])),
    .init("a body that is short", "9112 §6.2", "POST / HTTP/1.1\r\n\(host)Content-Length: 3\r\n\r\nab", .needsMore),
    .init(
        "two equal lengths", "9112 §6.3", "POST / HTTP/1.1\r\n\(host)Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        .refused(.contentLength)),
    .init(
        "a list of lengths", "9110 §8.6", "POST / HTTP/1.1\r\n\(host)Content-Length: 3, 3\r\n\r\nabc",
        .refused(.contentLength)),
    .init(
        "a length with a sign", "9110 §8.6", "POST / HTTP/1.1\r\n\(host)Content-Length: +3\r\n\r\nabc",
        .refused(.contentLength)),
    .init(
        "an empty length", "9110 §8.6", "POST / HTTP/1.1\r\n\(host)Content-Length:\r\n\r\n", .refused(.contentLength)),
    .init(
        "a length beyond 64 bits", "9110 §8.6",
        "POST / HTTP/1.1\r\n\(host)Content-Length: 99999999999999999999\r\n\r\n", .refused(.contentLength)),
    .init(
        "a length beyond the limit", "9110 §15.5.14", "POST / HTTP/1.1\r\n\(host)Content-Length: 65537\r\n\r\n",
        .refused(.bodyTooLarge)),
    .init(
        "length and chunked", "9112 §6.3",
        "POST / HTTP/1.1\r\n\(host)Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        .refused(.contentLength)),
    .init(
        "chunked and length", "9112 §6.3",
        "POST / HTTP/1.1\r\n\(host)Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        .refused(.contentLength)),
    // Chunks
    .init(
        "chunks", "9112 §7.1",
        "POST / HTTP/1.1\r\n\(host)Transfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n",
        .requests(["POST / abc0123456789"])),
    .init(
        "trailers", "9112 §7.1.2",
        "POST / HTTP/1.1\r\n\(host)Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: y\r\n\r\n",
        .requests(["POST / a"])),
    .init(
        "a malformed trailer", "9112 §7.1.2",
        "POST / HTTP/1.1\r\n\(host)Transfer-Encoding: chunked\r\n\r\n0\r\nX y\r\n\r\n", .refused(.field)),
    .init(
        "a chunk without its CRLF", "9112 §7.1",
        "POST / HTTP/1.1\r\n\(host)Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n", .refused(.chunk)),
    .init(
        "a chunk size that is no number", "9112 §7.1",
        "POST / HTTP/1.1\r\n\(host)Transfer-Encoding: chunked\r\n\r\nx\r\n\r\n", .refused(.chunk)),
    .init(
        "a chunk size with 0x", "9112 §7.1",
        "POST / HTTP/1.1\r\n\(host)Transfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n", .refused(.chunk)),
    .init(
        "a chunk size of 16 digits", "9112 §7.1",
        "POST / HTTP/1.1\r\n\(host)Transfer-Encoding: chunked\r\n\r\n1111111111111111\r\n", .refused(.chunk)),
    .init(
        "a bare LF after a chunk size", "9112 §7.1",
        "POST / HTTP/1.1\r\n\(host)Transfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n", .refused(.chunk)),
    .init(
        "a control in an extension", "9112 §7.1.1",
        "POST / HTTP/1.1\r\n\(host)Transfer-Encoding: chunked\r\n\r\n1;\u{1}\r\na\r\n0\r\n\r\n", .refused(.chunk)),
    .init(
        "a chunk beyond the limit", "9110 §15.5.14",
        "POST / HTTP/1.1\r\n\(host)Transfer-Encoding: chunked\r\n\r\n10001\r\n", .refused(.bodyTooLarge)),
    .init(
        "another coding", "9112 §6.1", "POST / HTTP/1.1\r\n\(host)Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        .refused(.transferCoding)),
    .init(
        "chunked is not last", "9112 §6.1", "POST / HTTP/1.1\r\n\(host)Transfer-Encoding: chunked, gzip\r\n\r\n",
        .refused(.transferEncoding)),
    .init(
        "chunked twice", "9112 §6.1", "POST / HTTP/1.1\r\n\(host)Transfer-Encoding: chunked, chunked\r\n\r\n",
        .refused(.transferEncoding)),
    .init(
        "chunked in HTTP/1.0", "9112 §6.1", "POST / HTTP/1.0\r\n\(host)Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        .refused(.transferEncoding)),
    .init(
        "a coding with a control", "9110 §5.5", "POST / HTTP/1.1\r\n\(host)Transfer-Encoding: \u{B}chunked\r\n\r\n",
        .refused(.field)),
    // Expectations and pipelining
    .init(
        "another expectation", "9110 §10.1.1", "POST / HTTP/1.1\r\n\(host)Expect: tea\r\n\r\n", .refused(.expectation)),
    .init(
        "two requests at once", "9112 §9.3.2",
        "POST /1 HTTP/1.1\r\n\(host)Content-Length: 1\r\n\r\naGET /2 HTTP/1.1\r\n\(host)\r\n",
        .requests(["POST /1 a", "GET /2 -"])),
    .init(
        "a request hidden in a body", "9112 §11.2",
        "POST /1 HTTP/1.1\r\n\(host)Content-Length: 18\r\n\r\nGET /2 HTTP/1.1\r\n\rGET /3 HTTP/1.1\r\n\(host)\r\n",
        .requests(["POST /1 GET /2 HTTP/1.1\r\n\r", "GET /3 -"])),
]
