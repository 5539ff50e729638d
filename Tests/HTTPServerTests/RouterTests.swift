import HTTP
import HTTPServer
import Testing

@Suite("The router")
struct RouterTests {
    private let names = ["list", "item", "new", "parts"]
    private let router = Router([(.get, "/a"), (.get, "/a/{id}"), (.post, "/a/new"), (.get, "/a/{id}/parts")])

    private func match(_ method: HTTPMethod, _ path: String) -> String {
        switch router.match(method, path: Array(path.utf8)[...]) {
        case .found(let index, let parameters): ([names[index]] + parameters).joined(separator: " ")
        case .methodNotAllowed(_, let allow): "405 \(allow)"
        case .notFound: "404"
        }
    }

    @Test(
        "finds a route by its segments",
        arguments: [
            ("/a", "list"), ("/a/7", "item 7"), ("/a/x%20y", "item x y"), ("/a/7/parts", "parts 7"), ("/", "404"),
            ("/b", "404"), ("/a/", "404"), ("/a/7/", "404"), ("/a//parts", "404"), ("/a/7/other", "404"),
            ("/a/%zz", "404"),
            ("/A", "404"), ("/a/7/parts/8", "404"),
        ])
    func paths(_ path: String, _ expected: String) {
        #expect(match(.get, path) == expected)
    }

    @Test("answers HEAD by GET, prefers a literal, and says what is allowed")
    func methods() {
        #expect(match(.head, "/a") == "list")
        #expect(match(.post, "/a/new") == "new")
        #expect(match(.get, "/a/new") == "405 OPTIONS, POST")
        #expect(match(.delete, "/a") == "405 GET, HEAD, OPTIONS")
    }
}
