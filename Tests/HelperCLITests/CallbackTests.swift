import HTTP
import HTTPServer
import Synchronization
import Testing

@testable import HelperCLI

@Suite("The answer that a browser brings back")
struct CallbackTests {
    private final class Results: Sendable {
        let all = Mutex<[Callback.Result]>([])
    }

    private let results = Results()
    private let callback: Callback

    init() {
        let results = results
        callback = Callback(state: "the-state", issuer: "https://sso.example.com/realms/mlaas") { result in
            results.all.withLock { $0.append(result) }
        }
    }

    private func answer(_ target: String, method: String = "GET") async throws -> Response {
        var machine = RequestMachine(limits: MessageLimits())
        machine.receive { $0 += Array("\(method) \(target) HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".utf8) }
        guard case .request(let head, let body) = try machine.next() else { throw NoRequest() }
        let request = Request(head: head, body: body, id: "test", remoteAddress: "127.0.0.1")
        return await callback.respond(to: request).response()
    }

    private struct NoRequest: Error {}

    @Test(
        "that is not of this sign-in is refused, and the sign-in goes on",
        arguments: [
            "/callback", "/callback?code=c", "/callback?code=c&state=", "/callback?code=c&state=the-stat",
            "/callback?code=c&state=other&state=the-state", "/callback?state=the-state",
            "/callback?code=c&state=the-state&iss=https%3A%2F%2Fother.example.com",
        ])
    func foreign(_ target: String) async throws {
        #expect(try await answer(target).status == .badRequest)
        #expect(results.all.withLock { $0 }.isEmpty)
        #expect(try await answer("/callback?code=c&state=the-state").status == .ok)
        #expect(results.all.withLock { $0 } == [.code("c")])
    }

    @Test("counts once, and no page repeats what came in")
    func once() async throws {
        let first = try await answer("/callback?code=a%2Bb+c&state=the-state")
        #expect(first.status == .ok && !String(decoding: first.body, as: UTF8.self).contains("the-state"))
        #expect(try await answer("/callback?code=d&state=the-state").status == .badRequest)
        #expect(results.all.withLock { $0 } == [.code("a+b c")])
    }

    @Test("may be a refusal with its reason")
    func refused() async throws {
        let page = try await answer("/callback?error=access_denied&error_description=no+way&state=the-state")
        #expect(page.status == .ok && !String(decoding: page.body, as: UTF8.self).contains("no way"))
        #expect(results.all.withLock { $0 } == [.refused("access_denied: no way")])
    }

    @Test("comes by GET to one path")
    func elsewhere() async throws {
        #expect(try await answer("/?code=c&state=the-state").status == .notFound)
        #expect(try await answer("/callback?code=c&state=the-state", method: "HEAD").status == .methodNotAllowed)
        #expect(results.all.withLock { $0 }.isEmpty)
    }
}
