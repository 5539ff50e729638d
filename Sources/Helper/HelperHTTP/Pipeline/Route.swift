import EventLoop
package import HTTP
package import HTTPServer

/// One line of the routing table.
package struct Route: Sendable {
    /// Which limit counts the requests of a route.
    package enum Limit: Sendable {
        case read
        case write
        /// Requests that answer a secret which was answered before.
        case reveal
        /// Requests that make the helper call a model's gateway.
        case test
        /// What Keycloak tells of ended logins: apart from what people do, so that neither keeps the other out.
        case logout
        /// None: the route must answer whatever happens. So it does not wait for a slot behind other requests either, and
        /// must be cheap.
        case none
    }

    package let method: HTTPMethod
    /// `/literal/{parameter}` segments; the route's name in logs and metrics.
    package let template: String
    let limit: Limit
    let requiresCaller: Bool
    /// A page of the portal: its caller is known by the session cookie, and its failures are pages too.
    var isPage = false
    let handler: Handler

    /// A page of the portal, or the target of its forms.
    package static func page(
        _ method: HTTPMethod, _ template: String, limit: Limit = .read,
        _ handle: @escaping @Sendable (PageContext) async throws -> Response
    ) -> Route {
        Route(
            method: method, template: template, limit: limit, requiresCaller: false, isPage: true,
            handler: .waiting { try await handle(PageContext($0)) })
    }

    /// A route that any client may call and that answers without waiting.
    package static func get(
        _ template: String, limit: Limit = .read, _ handle: @escaping @Sendable (EdgeContext) throws -> Response
    ) -> Route {
        Route(
            method: .get, template: template, limit: limit, requiresCaller: false,
            handler: .immediate { try handle(EdgeContext($0)) })
    }

    /// A route that any client may call and that waits for its answer.
    package static func get(
        _ template: String, limit: Limit = .read,
        waiting handle: @escaping @Sendable (EdgeContext) async throws -> Response
    ) -> Route {
        Route(
            method: .get, template: template, limit: limit, requiresCaller: false,
            handler: .waiting { try await handle(EdgeContext($0)) })
    }

    /// A route for signed-in callers.
    package static func get(
        _ template: String, _ handle: @escaping @Sendable (CallerContext) async throws -> Response
    ) -> Route {
        Route(
            method: .get, template: template, limit: .read, requiresCaller: true,
            handler: .waiting { try await handle(CallerContext($0)) })
    }

    /// A route for signed-in callers whose answer is usually cached.
    /// - Parameter cached: answers without waiting; returns nil where nothing usable is cached.
    package static func get(
        _ template: String, cached: @escaping @Sendable (CallerContext) throws -> Response?,
        otherwise handle: @escaping @Sendable (CallerContext) async throws -> Response
    ) -> Route {
        Route(
            method: .get, template: template, limit: .read, requiresCaller: true,
            handler: .cached({ try cached(CallerContext($0)) }) { try await handle(CallerContext($0)) })
    }

    /// A route by which signed-in callers change something.
    package static func post(
        _ template: String, limit: Limit = .write,
        _ handle: @escaping @Sendable (CallerContext) async throws -> Response
    ) -> Route {
        change(.post, template, limit: limit, handle)
    }

    /// A route by which signed-in callers change a part of something.
    package static func patch(
        _ template: String, _ handle: @escaping @Sendable (CallerContext) async throws -> Response
    ) -> Route {
        change(.patch, template, limit: .write, handle)
    }

    /// A route by which signed-in callers replace something.
    package static func put(
        _ template: String, _ handle: @escaping @Sendable (CallerContext) async throws -> Response
    ) -> Route {
        change(.put, template, limit: .write, handle)
    }

    /// A route by which signed-in callers remove something.
    package static func delete(
        _ template: String, _ handle: @escaping @Sendable (CallerContext) async throws -> Response
    ) -> Route {
        change(.delete, template, limit: .write, handle)
    }

    private static func change(
        _ method: HTTPMethod, _ template: String, limit: Limit,
        _ handle: @escaping @Sendable (CallerContext) async throws -> Response
    ) -> Route {
        Route(
            method: method, template: template, limit: limit, requiresCaller: true,
            handler: .waiting { try await handle(CallerContext($0)) })
    }
}

/// Returns a response or throws.
///
/// A waiting handler costs its request a task and a slot among the requests in flight. Both together are 13,600
/// instructions, half of what the whole cached list takes (28,200; Benchmarks/instructions.json), so that
/// `cached` exists beside `waiting`. The choice between them is made in `Pipeline` alone.
enum Handler: Sendable {
    case immediate(@Sendable (Exchange) throws -> Response)
    case waiting(@Sendable (Exchange) async throws -> Response)
    case cached(@Sendable (Exchange) throws -> Response?, otherwise: @Sendable (Exchange) async throws -> Response)

    /// The response that needs no waiting; nil where it has to be waited for.
    func immediateResponse(to exchange: Exchange) throws -> Response? {
        switch self {
        case .immediate(let handle): try handle(exchange)
        case .waiting: nil
        case .cached(let handle, _): try handle(exchange)
        }
    }

    func response(to exchange: Exchange) async throws -> Response {
        switch self {
        case .immediate(let handle): try handle(exchange)
        case .waiting(let handle): try await handle(exchange)
        case .cached(_, let handle): try await handle(exchange)
        }
    }
}

/// A route with everything that is looked up once.
final class Endpoint: Sendable {
    let handler: Handler
    let requiresCaller: Bool
    /// See `Route.isPage`.
    let isPage: Bool
    /// Has slots of its own, see `Answer.operational`.
    let isOperational: Bool
    let metrics: RouteMetrics
    /// Counts the requests; nil where nothing does.
    let rule: RateRule?
    /// Names the route to the loop's watchdog.
    let activity: LoopActivity

    init(
        _ handler: Handler, _ metrics: RouteMetrics, requiresCaller: Bool = false, isPage: Bool = false,
        isOperational: Bool = false, rule: RateRule? = nil
    ) {
        self.handler = handler
        self.requiresCaller = requiresCaller
        self.isPage = isPage
        self.isOperational = isOperational
        self.metrics = metrics
        self.rule = rule
        activity = LoopActivity(metrics.template)
    }
}
