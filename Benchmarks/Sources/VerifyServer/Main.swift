import Crypto
import EventLoop
import FoundationEssentials
import HTTP
import HTTPServer
import HelperCore
import Keycloak
import Telemetry

/// The helper with everything taken away but its server and its token check: what `GET` of any path costs when each token is
/// verified as the helper does, cache included, and the same bytes are answered to everybody. No catalogue, no account, no
/// rate limit, no metrics of requests.
///
/// Arguments: port, loops, file of the key set, issuer, audience, file of the body, file of the fields ("name: value" lines).
@main
enum VerifyServer {
    /// The keys, from a file.
    private struct FileSource: KeySource {
        let keySet: [UInt8]

        func fetch(_ url: String, for issuer: String) async throws(KeySourceError) -> [UInt8] { keySet }
    }

    private struct MissingFile: Error { let path: String }

    private static func readFile(_ path: String) throws -> [UInt8] {
        guard let data = FileManager.default.contents(atPath: path) else { throw MissingFile(path: path) }
        return Array(data)
    }

    private struct Answers: Responder {
        let verifier: KeycloakTokenVerifier
        let answer: Response
        private let scheme = Array("Bearer ".utf8)

        func respond(to request: Request) -> Answer {
            guard let range = request.head.range(of: .authorization) else {
                return .now(Response(status: .unauthorized))
            }
            let value = request.head.bytes[range]
            guard value.starts(with: scheme), case .accepted = verifier.verify(value.dropFirst(scheme.count)) else {
                return .now(Response(status: .unauthorized))
            }
            return .now(answer)
        }
    }

    static func main() async throws {
        let arguments = Array(CommandLine.arguments.dropFirst())
        guard arguments.count == 7, let port = Int(arguments[0]), let loops = Int(arguments[1]) else {
            print("usage: verify-server PORT LOOPS KEYSET ISSUER AUDIENCE BODY FIELDS")
            return
        }
        let issuer = arguments[3]
        let logger = Logger(
            label: "bench", handler: JSONLogHandler(sink: InMemoryLogSink(), level: .critical, now: { 0 }))
        let verifier = KeycloakTokenVerifier(
            policy: TokenPolicy(
                issuers: [issuer], audiences: [ExactName(arguments[4])], clientID: arguments[4],
                algorithms: [.rs256, .es256]),
            places: IssuerPlaces(realmURL: issuer, keySetURL: issuer), settings: KeySettings(),
            parts: .init(
                source: FileSource(keySet: try readFile(arguments[2])), spawn: { work in Task { await work() } },
                logger: logger, metrics: PrometheusRegistry(),
                now: { Double(wallClockNanoseconds()) / 1e9 }))
        await verifier.run { _ in false }

        var fields = HTTPFields()
        for line in String(decoding: try readFile(arguments[6]), as: UTF8.self).split(separator: "\n") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            fields.append(String(line[..<colon]), String(line[colon...].dropFirst(2)))
        }
        let answer = Response.json(try readFile(arguments[5]))
        let group = EventLoopGroup(count: loops)
        let server = HTTPServer(
            configuration: HTTPServerConfiguration(host: "127.0.0.1", port: port, commonFields: fields),
            group: group,
            responder: Answers(verifier: verifier, answer: answer), logger: logger)
        let signals = ProcessSignals(on: group.loops[0])
        _ = try await server.start()
        for await signal in signals.received where signal == .terminate { break }
        await server.shutdown(deadline: .seconds(1))
        signals.close()
        group.shutdown()
    }
}
