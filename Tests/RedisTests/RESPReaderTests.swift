import Bytes
import Redis
import Testing

@Suite("Redis' protocol")
struct RESPReaderTests {
    /// What a reader makes of the bytes when they come in pieces of that size.
    private func read(_ bytes: [UInt8], pieces: Int = .max) -> (values: [RESPValue], error: RedisError?) {
        let reader = RESPReader()
        var values: [RESPValue] = []
        var rest = bytes[...]
        do throws(RedisError) {
            while !rest.isEmpty {
                let piece = Array(rest.prefix(pieces))
                rest = rest.dropFirst(piece.count)
                try reader.read(piece.span) { values.append($0) }
            }
            return (values, nil)
        } catch {
            return (values, error)
        }
    }

    @Test("every kind of reply, split anywhere", arguments: [1, 2, 3, 7, Int.max])
    func replies(_ pieces: Int) {
        let bytes = Array(
            "+PONG\r\n-ERR no\r\n:-42\r\n$-1\r\n$5\r\nh\r\n\0i\r\n$0\r\n\r\n*3\r\n:1\r\n*0\r\n$1\r\na\r\n*-1\r\n".utf8)
        let (values, error) = read(bytes, pieces: pieces)
        #expect(error == nil)
        #expect(
            values == [
                .status("PONG"), .error("ERR no"), .integer(-42), .null, .bulk(Array("h\r\n\0i".utf8)), .bulk([]),
                .array([.integer(1), .array([]), .bulk([0x61])]), .null,
            ])
    }

    @Test(
        "what is not Redis ends the reader with an error",
        arguments: [
            "HTTP/1.1 400 Bad Request\r\n\r\n", "\0\0\0\0\r\n", "*2147483647\r\n", "*1025\r\n",
            "$99999999999999999999\r\n",
            String(repeating: "*1\r\n", count: 20), ":1x\r\n", "SSH-2.0-OpenSSH\r\n", "%1\r\n", "_\r\n",
        ])
    func garbage(_ text: String) {
        for pieces in [1, Int.max] {
            let (values, error) = read(Array(("+OK\r\n" + text).utf8), pieces: pieces)
            #expect(values.first == .status("OK"))
            #expect(error?.kind == .malformed, "\(text.debugDescription)")
        }
    }

    @Test("an unfinished reply is bounded, finished ones are not")
    func bounded() {
        let long = Array(repeating: UInt8(ascii: "a"), count: RESPReader.unreadBytesMax + 1)
        #expect(read([UInt8(ascii: "+")] + long, pieces: 4_096).error?.kind == .malformed)
        #expect(read(Array("$1000000\r\n".utf8) + long, pieces: 4_096).error?.kind == .malformed)
        let many = Array(repeating: Array("$3\r\nabc\r\n".utf8), count: 20_000).flatMap { $0 }
        let (values, error) = read(many, pieces: 60_000)
        #expect(error == nil && values.count == 20_000)
    }

    @Test("an error stays")
    func final() throws {
        let reader = RESPReader()
        #expect(throws: RedisError.self) { try reader.read(Array("?\r\n".utf8).span) { _ in } }
        #expect(throws: RedisError.self) { try reader.read(Array("+OK\r\n".utf8).span) { _ in } }
    }

    @Test("commands are arrays of bulk strings, whatever the bytes")
    func commands() {
        #expect(RESPCommand("GET", "a b").bytes == Array("*2\r\n$3\r\nGET\r\n$3\r\na b\r\n".utf8))
        #expect(
            RESPCommand([[0x47], [], [0, 13, 10]]).bytes == Array("*3\r\n$1\r\nG\r\n$0\r\n\r\n$3\r\n\0\r\n\r\n".utf8))
    }
}
