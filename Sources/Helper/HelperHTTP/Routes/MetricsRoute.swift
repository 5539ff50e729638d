import HTTP
package import HTTPServer
import HelperCore

/// `GET /metrics`. Scrapes that come at once share one rendering, which happens off the loops.
package struct MetricsRoute: Sendable {
    private let flights: SingleFlight<Int, [UInt8]>
    private let exposition: @Sendable () -> [UInt8]

    /// - Parameter exposition: the text of all metrics; may take a while and read files.
    package init(exposition: @escaping @Sendable () -> [UInt8]) {
        self.exposition = exposition
        // The one thing that runs on the global pool: it reads /proc and writes thousands of lines.
        flights = SingleFlight { work in _ = Task(executorPreference: globalConcurrentExecutor) { await work() } }
    }

    package func scrape(_ context: EdgeContext) async throws -> Response { try await response() }

    fileprivate func response() async throws -> Response {
        let text = try await flights.run(0) { [exposition] in exposition() }.value
        return Response(fields: HTTPFields([("content-type", "text/plain; version=0.0.4; charset=utf-8")]), body: text)
    }
}

/// A port that answers `/metrics` and nothing else.
package struct MetricsFace: Responder {
    private let route: MetricsRoute

    package init(_ route: MetricsRoute) { self.route = route }

    package func respond(to request: Request) -> Answer {
        guard request.path == "/metrics" else {
            return .now(.text("There is only /metrics here.\n", status: .notFound))
        }
        guard [.get, .head].contains(request.method) else {
            var response = Response.text("This resource allows: GET, HEAD.\n", status: .methodNotAllowed)
            response.fields["allow"] = "GET, HEAD"
            return .now(response)
        }
        return .later {
            do { return try await route.response() } catch {
                return .text("The metrics could not be read.\n", status: .internalServerError)
            }
        }
    }
}
