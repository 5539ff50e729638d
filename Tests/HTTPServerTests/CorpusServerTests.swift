import EventLoop
import Foundation
import HTTP
import HTTPCorpus
import HTTPServer
import LoopTesting
import Telemetry
import Testing

/// Tells in a field what it has been asked.
private struct Mirror: Responder {
    func respond(to request: Request) -> Answer {
        let target = request.path + (request.query.map { "?" + $0 } ?? "")
        let body = request.body.reduce(into: "") { $0 += ($1 < 16 ? "0" : "") + String($1, radix: 16) }
        let seen = "\(request.method.rawValue) \(target) \(body)."
        return .now(Response(fields: HTTPFields([("x-seen", seen)])))
    }
}

/// The corpus once more, through a socket: what the machine says must be what a client gets to see.
@Suite("The server, by the corpus", .leavesNothing)
struct CorpusServerTests {
    /// What a client sees of an outcome: an answer for each request, a refusal, leave for a body.
    private struct Seen: Equatable {
        var answers: [String] = []
        var status: Int?
        var continues = false

        init(_ outcome: CorpusCase.Outcome) {
            answers = outcome.requests.map { request in
                let body = request.body.reduce(into: "") { $0 += ($1 < 16 ? "0" : "") + String($1, radix: 16) }
                return "\(request.method) \(String(decoding: request.target, as: UTF8.self)) \(body)."
            }
            status = outcome.refusal.flatMap { Int($0.prefix { $0 != " " }) }
            continues = outcome.continues
        }

        init(_ text: String) {
            for line in text.split(separator: "\r\n") {
                if line.hasPrefix("x-seen: ") {
                    answers.append(String(line.dropFirst(8)))
                } else if line.hasPrefix("HTTP/1.1 ") {
                    let code = Int(line.dropFirst(9).prefix(3))
                    if code == 100 { continues = true } else if code != 200 { status = code }
                }
            }
        }
    }

    @Test("answers each case as its section says, in one piece and byte by byte")
    func corpus() async throws {
        let logger = Logger(label: "test", handler: JSONLogHandler(sink: InMemoryLogSink(), level: .error, now: { 0 }))
        let server = HTTPServer(
            configuration: HTTPServerConfiguration(host: "127.0.0.1", port: 0), group: TestLoops.group,
            responder: Mirror(), logger: logger)
        let port = try await server.start().port
        // Blocking sockets have a thread of their own: those of the tests are few.
        let wrong = await withCheckedContinuation { continuation in
            Thread.detachNewThread { continuation.resume(returning: Result { try Self.wrong(port) }) }
        }
        let list = try wrong.get()
        #expect(list == [], "\(list)")
        await server.shutdown(deadline: .seconds(2))
    }

    /// The cases whose answers are not those of the corpus.
    private static func wrong(_ port: Int) throws -> [String] {
        var wrong: [String] = []
        for entry in CorpusCase.all() {
            // Of the values of a byte every 16th: all of them go through the machine itself.
            for (value, bytes, outcome) in try entry.inputs() where (value ?? 0) % 16 == 10 || value == nil {
                let seen = try ask(port, [bytes])
                if seen != Seen(outcome) { wrong.append("\(entry), \(value.map(String.init) ?? "-"): \(seen)") }
                guard value == nil, bytes.count < 400 else { continue }
                let pieces = try ask(port, bytes.map { [$0] })
                if pieces.answers != seen.answers || pieces.status != seen.status {
                    wrong.append("\(entry), byte by byte: \(pieces)")
                }
            }
        }
        return wrong
    }

    /// Sends pieces, says that no more will come, and reads until the server closes.
    private static func ask(_ port: Int, _ pieces: [[UInt8]]) throws -> Seen {
        let client = try RawClient(port: port)
        for piece in pieces { client.send(piece) }
        client.finishSending()
        return Seen(client.readAll() ?? "HTTP/1.1 999 reset\r\n")
    }
}
