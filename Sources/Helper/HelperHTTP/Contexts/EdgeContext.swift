import EventLoop
import HTTP
import HTTPServer
import HelperCore
import Synchronization
import Telemetry

/// What a handler knows before anybody has proved who is calling. A reference, so that handing it on costs one count.
final class EdgeContext: Sendable {
    let request: Request
    /// The segments that stand for the template's parameters, decoded.
    let parameters: [String]
    /// The route's template, its name in logs and metrics.
    let route: String
    private let known: Mutex<ServiceContext>

    init(request: Request, parameters: [String], route: String, trace: ServiceContext) {
        self.request = request
        self.parameters = parameters
        self.route = route
        known = Mutex(trace)
    }

    /// Where the request is in its trace, and who asks once that is known: what every line about it says.
    var trace: ServiceContext { known.withLock { $0 } }

    /// The caller is known from here on, whether or not it may go on.
    func identify(_ caller: Caller) { known.withLock { $0.user = caller.username } }
}

/// What a handler behind authentication knows: there is none without a caller.
struct CallerContext: Sendable {
    let edge: EdgeContext
    let caller: Caller

    var request: Request { edge.request }
}

/// A handler's answer: now, or work that will yield it.
enum Reply: Sendable {
    case now(Response)
    case later(@Sendable () async throws -> Response)

    /// The answer, waited for if need be.
    func response() async throws -> Response {
        switch self {
        case .now(let response): response
        case .later(let work): try await work()
        }
    }
}

/// A handler, by what it needs to know. It answers at once where it can, since that costs no task.
enum Handler: Sendable {
    case open(@Sendable (EdgeContext) throws -> Reply)
    case authenticated(@Sendable (CallerContext) throws -> Reply)
}

/// One line of the routing table.
struct Route: Sendable {
    let method: HTTPMethod
    /// `/literal/{parameter}` segments; the route's name in logs and metrics.
    let template: String
    let handler: Handler

    init(_ method: HTTPMethod, _ template: String, _ handler: Handler) {
        self.method = method
        self.template = template
        self.handler = handler
    }
}

/// What a route of the table leads to.
final class Endpoint: Sendable {
    let handler: Handler
    let metrics: RouteMetrics
    /// What the loop is doing while the handler runs.
    let activity: LoopActivity
    /// What requests are counted under; nil where they are not.
    let rule: RateRule?

    init(_ handler: Handler, _ metrics: RouteMetrics, _ rule: RateRule?) {
        self.handler = handler
        self.metrics = metrics
        activity = LoopActivity(metrics.template)
        self.rule = rule
    }
}
