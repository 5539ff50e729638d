import Crypto
import HTTP
import HTTPServer
import Synchronization

/// Answers the browser that comes back from Keycloak, once.
struct Callback: Responder {
    enum Result: Sendable, Equatable {
        case code(String)
        case refused(String)
    }

    /// On each page: nothing is loaded, kept or shown inside another page.
    static let fields = HTTPFields([
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"), ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"), ("x-content-type-options", "nosniff"),
    ])

    private let state: String
    private let issuer: String
    private let isDone = Once()
    private let done: @Sendable (Result) -> Void

    private final class Once: Sendable {
        private let isTaken = Mutex(false)

        /// True for the first call.
        func take() -> Bool {
            isTaken.withLock { isTaken in
                defer { isTaken = true }
                return !isTaken
            }
        }
    }

    /// - Parameter done: called once.
    init(state: String, issuer: String, done: @escaping @Sendable (Result) -> Void) {
        self.state = state
        self.issuer = issuer
        self.done = done
    }

    func respond(to request: Request) -> Answer { .now(answer(request)) }

    private func answer(_ request: Request) -> Response {
        guard request.path == "/callback" else {
            return Self.page("Nothing here", "This page belongs to no sign-in.", .notFound)
        }
        guard request.method == .get else {
            return Self.page("Not allowed", "A sign-in comes back by GET.", .methodNotAllowed)
        }
        let query = Self.query(request.query ?? "")
        // Another page may have sent the browser here: our own sign-in goes on waiting.
        guard let given = query["state"], constantTimeEqual(Array(given.utf8), Array(state.utf8)) else {
            return Self.page("Not this sign-in", "This answer belongs to another sign-in.", .badRequest)
        }
        if let given = query["iss"], given != issuer {
            return Self.page("Not this sign-in", "This answer comes from another issuer.", .badRequest)
        }
        guard query["code"] != nil || query["error"] != nil else {
            return Self.page("Not a sign-in", "The answer holds no code.", .badRequest)
        }
        guard isDone.take() else {
            return Self.page("Already done", "This sign-in has been brought back before.", .badRequest)
        }
        if let code = query["code"] {
            done(.code(code))
            return Self.page("Signed in", "You may close this window and go back to the terminal.", .ok)
        }
        let error = query["error"] ?? ""
        done(.refused(query["error_description"].map { "\(error): \($0)" } ?? error))
        return Self.page("Not signed in", "The sign-in was refused. The terminal says why.", .ok)
    }

    /// The fields of a query; of a repeated one the first.
    private static func query(_ text: String) -> [String: String] {
        var fields: [String: String] = [:]
        for pair in text.split(separator: "&") {
            let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let decoded = halves.map { half in
                PercentEncoding.decode(half.utf8.map { $0 == 0x2B ? 0x20 : $0 }) ?? ""
            }
            guard decoded.count == 2, fields[decoded[0]] == nil else { continue }
            fields[decoded[0]] = decoded[1]
        }
        return fields
    }

    private static func page(_ title: String, _ text: String, _ status: HTTPStatus) -> Response {
        let html = """
            <!DOCTYPE html>
            <html lang="en">
            <head><meta charset="utf-8"><title>\(title)</title></head>
            <body><main><h1>\(title)</h1><p>\(text)</p></main></body>
            </html>

            """
        return .text(html, status: status, contentType: "text/html; charset=utf-8")
    }
}
