import HTTP
import HTTPCorpus
import Testing

/// Every reader of a number at the edges of `Int64`, and every writer: a number that does not fit is refused, never a trap.
@Suite("Numbers in a message")
struct NumberTests {
    private static let edges: [String] = {
        let words: [UInt64] = [
            0, 1, 9, 10, 65_536, 65_537, UInt64(Int32.max), 1 << 32, UInt64(Int64.max) - 1, UInt64(Int64.max),
            UInt64(Int64.max) + 1, .max - 1, .max,
        ]
        return words.map { String($0) } + ["18446744073709551616", "99999999999999999999999999999999999999"]
    }()

    @Test("of a length", arguments: edges)
    func contentLength(_ text: String) {
        for zeros in ["", "0", "0000000000000000000000000000"] {
            let run = MachineRun([Array("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(zeros)\(text)\r\n\r\n".utf8)])
            let size = Int(text)
            switch size {
            case 0: #expect(run.requests.count == 1)
            case let size? where size <= 65_536: #expect(run.isWaiting)
            case nil: #expect(run.refusal?.status == 400)
            default: #expect(run.refusal?.status == 413)
            }
        }
    }

    @Test("of a chunk", arguments: edges.compactMap { UInt64($0) })
    func chunk(_ number: UInt64) {
        for zeros in ["", "0", "0000000000000000000000000000"] {
            for digits in [String(number, radix: 16), String(number, radix: 16, uppercase: true)] {
                let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                let run = MachineRun([Array("\(head)\(zeros)\(digits)\r\n".utf8)])
                if number <= 65_536 { #expect(run.isWaiting) } else { #expect(run.refusal?.status == 413) }
            }
        }
    }

    @Test("of chunks whose sum passes the limit")
    func sum() {
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n"
        for size in ["10000", "7fffffffffffffff", "8000000000000000", "ffffffffffffffff"] {
            #expect(MachineRun([Array("\(head)\(size)\r\n".utf8)]).refusal?.status == 413)
        }
    }

    @Test("that we write", arguments: [(Int.max, "9223372036854775807"), (0, "0"), (-1, "0"), (Int.min, "0")])
    func written(_ number: Int, _ text: String) throws {
        let fields = NumberedFields(after: HTTPFields(), name: "x", pieces: ("a", "b"))
        var out: [UInt8] = []
        try ResponseEncoder.finish(
            status: .ok, fields: HTTPFields(), numbered: NumberedFields.Filled(fields, number, number), body: [],
            isHead: false, connection: .unsaid, into: &out)
        #expect(String(decoding: out, as: UTF8.self).contains("x: a\(text)b\(text)"))
    }
}
