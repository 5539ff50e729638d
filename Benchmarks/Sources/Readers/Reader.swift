import Bytes
import Crypto
import HTTP
import HTTPServer
import JSON
import Redis
import Telemetry

@testable import HelperCore
@testable import HelperHTTP
@testable import Keycloak

/// One reader of bytes from outside.
struct Reader: Sendable {
    let name: String
    /// What stands before and behind the repeated units.
    let frames: [(String, String)]
    /// What units are put together from.
    let words: [String]
    /// Forms of units in which `#` is a hole.
    var shapes: [String] = []
    /// Bytes of the longest input; a reader that takes less of them is not asked for more.
    var most = 32 * 1024
    /// Makes ready outside what is counted, and returns the work.
    let prepare: @Sendable ([UInt8]) -> () -> Void

    /// An input of about so many bytes.
    func input(_ family: Family, bytes: Int) -> [UInt8] {
        let frame = frames[family.frame % frames.count]
        var input = Array(frame.0.utf8)
        let end = Array(frame.1.utf8)
        var number = 0
        while input.count + end.count < bytes {
            let before = input.count
            for token in family.unit { token.append(number, to: &input) }
            if input.count == before { input.append(0x61) }
            number += 1
        }
        return input + end
    }

    static let all: [Reader] = [
        Reader(
            name: "head",
            frames: [("GET / HTTP/1.1\r\nHost: a\r\n", "\r\n"), ("GET / HTTP/1.1\r\nHost: a\r\nx: ", "\r\n\r\n")],
            words: [
                "\r\n", ":", ": ", " ", "\t", ",", "a", "A", "x-long-name", "connection", "transfer-encoding",
                "chunked",
                "close", "keep-alive", "content-length", "0", "\u{1}", "\"", ";",
            ], shapes: ["#: #\r\n", "#:\r\n", "connection: #,#\r\n", "#:#,\r\n"], prepare: { machine($0) }),
        Reader(
            name: "head, in pieces",
            frames: [("GET / HTTP/1.1\r\nHost: a\r\n", "\r\n"), ("GET / HTTP/1.1\r\nHost: a\r\nx: ", "\r\n\r\n")],
            words: ["\r\n", ": ", " ", "\t", "a", "A", "x-long-name", "\u{1}"], shapes: ["#: #\r\n"],
            prepare: { machine($0, pieces: 64) }),
        Reader(
            name: "refused head", frames: [("GET /[ HTTP/1.1\r\n", "\r\n"), ("", "")],
            words: ["\r\n", "\n", "\r", ":", ": ", " ", "a", "A", "x-request-id: a\r\n", "origin: a\r\n", "\u{1}"],
            shapes: ["#: #\r\n", "#\n"], prepare: { refusedHead($0) }),
        Reader(
            name: "target",
            frames: [("GET /", " HTTP/1.1\r\nHost: a\r\n\r\n"), ("GET http://", "/ HTTP/1.1\r\nHost: a\r\n\r\n")],
            words: ["/", "%41", "%", "..", "a", "?", "&", "=", "[", "]", ":", "@", ".", "::"],
            shapes: ["/#", "%41#"], prepare: { machine($0) }),
        Reader(
            name: "query", frames: [("GET /?", " HTTP/1.1\r\nHost: a\r\n\r\n")],
            words: ["&", "=", "%61", "%41", "%zz", "a", "access_token", "+", "/", "?"],
            shapes: ["#=#&", "#&"],
            prepare: { input in
                guard let request = request(input) else { return {} }
                return { consume(BearerToken.find(in: request)) }
            }),
        Reader(
            name: "authorization", frames: [("Bearer ", ""), ("", "")],
            words: [",", " ", "Bearer ", "Basic ", "a", "=", "\"", ":", "{", "\t", "."],
            shapes: [",#", ", # #"],
            prepare: { input in
                guard let request = request(field: "authorization", input) else { return {} }
                return {
                    consume(BearerToken.find(in: request))
                    consume(BearerToken.holdsSecond(input[...]))
                }
            }),
        Reader(
            name: "JSON",
            frames: [("{", "\"z\":1}"), ("[", "1]"), ("\"", "\""), ("", ""), ("[{", "\"z\":1}]"), ("[{\"a\":", "1}]")],
            words: json, shapes: jsonShapes, prepare: { input in { consume(try? JSONValue(parsing: input)) } }),
        Reader(
            name: "JSON numbers", frames: [("[", "1]"), ("", ""), ("-0.", "1"), ("1e", "1")],
            words: ["0", "1", "9", "-", ".", "e", "E+", "9223372036854775807", "1e308", "0.1", ",", "1,"],
            shapes: ["#,", "#.#,", "#e#,"], prepare: { input in { readNumbers(input) } }),
        Reader(
            name: "token payload", frames: [("{", "\"z\":1}"), ("{\"realm_access\":{\"roles\":[", "1]}}")],
            words: json, shapes: jsonShapes, most: 12_000,
            prepare: { input in
                let token = Array((tokenHeader + "." + Base64URL.encode(input) + ".c2ln").utf8)
                return { consume(try? CompactJWS(token[...], algorithms: [.rs256])) }
            }),
        Reader(
            name: "token header",
            frames: [
                ("{", "\"z\":1}"), ("{\"kid\":\"", "\"}"), ("{\"typ\":\"", "\",\"alg\":\"RS256\",\"kid\":\"a\"}"),
            ],
            words: json, shapes: jsonShapes, most: 12_000,
            prepare: { input in
                let token = Array((Base64URL.encode(input) + ".e30.c2ln").utf8)
                return { consume(try? CompactJWS(token[...], algorithms: [.rs256])) }
            }),
        Reader(
            name: "token as sent", frames: [("", ""), (tokenHeader + ".", ".c2ln")],
            words: [".", "a", "A", "-", "_", "=", "+", "e30", "\u{e9}"], most: 16_000,
            prepare: { input in
                { consume(try? CompactJWS(input[...], algorithms: [.rs256])) }
            }),
        Reader(
            name: "X-Forwarded-For", frames: [("203.0.113.7,", "10.0.0.1"), ("", ""), ("", "10.0.0.1")],
            words: addressWords, shapes: ["#,", "#, "], prepare: { chain("x-forwarded-for", $0) }),
        Reader(
            name: "Forwarded", frames: [("for=203.0.113.7,", "for=10.0.0.1"), ("", ""), ("for=\"", "\"")],
            words: addressWords + ["for=", "For=", "by=", "host=", "\"", "\\", ";"],
            shapes: ["for=#,", "for=\"#\",", "for=#;#=#,", "#=#;"], prepare: { chain("forwarded", $0) }),
        Reader(
            name: "tracestate", frames: [("", ""), ("a=b,", "c=d")],
            words: [",", "=", " ", "\t", "a", "b", "@", "a=b", ",,", "\u{e9}", "A", "*"],
            shapes: ["#=#,", "#=#, "],
            prepare: { input in
                let states = [String(decoding: input, as: UTF8.self)]
                return { consume(TraceParent.parse(traceParent[...], states: states)) }
            }),
        Reader(
            name: "traceparent", frames: [("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-", ""), ("", "")],
            words: ["-", "0", "f", "F", "00", " "], prepare: { input in { consume(TraceParent.parse(input[...])) } }),
        Reader(
            name: "RESP", frames: [("", ""), ("*2\r\n", "")],
            words: [
                "*1\r\n", "*2\r\n", "*0\r\n", "$1\r\n", "$0\r\n", "$-1\r\n", ":1\r\n", ":9223372036854775807\r\n",
                "+a\r\n", "-a\r\n",
                "a", "\r\n", "0",
            ], shapes: ["+#\r\n", "-#\r\n", "*1\r\n+#\r\n", "$1\r\n#\r\n"],
            prepare: { input in
                {
                    let reader = RESPReader()
                    var count = 0
                    try? reader.read(input.span) { _ in count += 1 }
                    consume(count)
                }
            }),
        Reader(
            name: "chunks", frames: [(chunkedHead, "0\r\n\r\n"), (chunkedHead + "0\r\n", "\r\n")],
            words: ["1\r\na\r\n", "2\r\nab\r\n", "0", "1", "a", "\r\n", ";", ";a=b", "00", "\r", "a: b\r\n", ":"],
            shapes: ["1;#\r\na\r\n", "#: #\r\n", "00000001\r\na\r\n"], prepare: { machine($0) }),
        Reader(
            name: "chunks, in pieces", frames: [(chunkedHead, "0\r\n\r\n")],
            words: ["1\r\na\r\n", "8\r\nabcdefgh\r\n", "0", "1", "a", "\r\n", ";a=b", "40\r\n", "aaaaaaaaaaaaaaaa"],
            prepare: { machine($0, pieces: 64) }),
        Reader(
            name: "entity tags", frames: [("", "")], words: [",", " ", "\t", "W/", "\"", "a", "\"a\"", "*"],
            shapes: ["\"#\",", "W/\"#\", "],
            prepare: { input in
                guard let request = request(field: "if-none-match", input) else { return {} }
                return { consume(content.answer(to: request)) }
            }),
    ]

    private static let json = [
        "{", "}", "[", "]", ":", ",", "\"", "\":1,", "\"a\":1,", "\\u0041", "\\n", "\\", "\\ud83d\\ude00", "1", "0",
        "-1", "1.5", "1e9",
        "e", ".", " ", "\t", "true,", "null,", "{}", "[],", "{\"a\":", "\u{e9}", "a", "1,", "\"a\",", "\"exp\":1,",
    ]
    private static let jsonShapes = [
        "\"#\":1,", "\"#\":\"#\",", "\"#\":{\"#\":1},", "\"#\",", "#,", "{\"#\":1},", "[#],", "{\"#\":",
    ]
    private static let addressWords = [
        ",", ", ", " ", "\t", ".", ":", "::", "[", "]", "1", "10.0.0.1", "10.0.0.1,", "2001:db8::1", "[::1]:80",
        "unknown", "_a", "0",
        "for=10.0.0.1,", "f",
    ]
    private static let tokenHeader = Base64URL.encode(Array(#"{"alg":"RS256","kid":"a"}"#.utf8))
    private static let traceParent = Array("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".utf8)
    private static let chunkedHead = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    private static let content = StaticContent("content", contentType: "text/plain")
    private static let addresses = ClientAddresses(
        trusted: ["127.0.0.1", "10.0.0.0/8", "::1"].compactMap(AddressRange.init))

    /// Limits that let everything through whose cost is asked for.
    private static let limits: MessageLimits = {
        var limits = MessageLimits()
        limits.requestLineBytes = 64 * 1024
        limits.headBytes = 64 * 1024
        limits.fieldCount = 100_000
        limits.trailerBytes = 64 * 1024
        return limits
    }()

    private static func machine(_ input: [UInt8], pieces: Int = .max) -> () -> Void {
        {
            var machine = RequestMachine(limits: limits)
            var start = 0
            while start < input.count {
                let end = min(input.count, pieces == .max ? .max : start + pieces)
                machine.receive { $0.append(contentsOf: input[start..<end]) }
                start = end
                guard let event = try? machine.next() else { break }
                if case .request = event { break }
            }
        }
    }

    private static func refusedHead(_ input: [UInt8]) -> () -> Void {
        {
            var machine = RequestMachine(limits: limits)
            machine.receive { $0.append(contentsOf: input) }
            _ = try? machine.next()
            consume(machine.refusedHead)
        }
    }

    private static func request(_ input: [UInt8]) -> Request? {
        var machine = RequestMachine(limits: limits)
        machine.receive { $0.append(contentsOf: input) }
        guard case .request(let head, let body)? = try? machine.next() else { return nil }
        return Request(head: head, body: body, id: "a", remoteAddress: "127.0.0.1")
    }

    private static func request(field: String, _ value: [UInt8]) -> Request? {
        request(Array("GET / HTTP/1.1\r\nHost: a\r\n\(field): ".utf8) + value + Array("\r\n\r\n".utf8))
    }

    private static func chain(_ field: String, _ value: [UInt8]) -> () -> Void {
        guard let request = request(field: field, value) else { return {} }
        return { consume(addresses.client(of: request)) }
    }

    /// With its numbers made numbers.
    private static func readNumbers(_ input: [UInt8]) {
        guard let value = try? JSONValue(parsing: input) else { return }
        for element in value.array ?? [value] {
            consume(element.int)
            consume(element.double)
        }
    }
}

/// Keeps the work from being left out.
@inline(never)
func consume<Value>(_ value: Value) { withExtendedLifetime(value) {} }
