import EventLoop
import HTTP
package import HTTPServer
package import HelperCore
package import Telemetry

/// The HTTP face: finds the route of each request and takes it through one pipeline.
package struct HelperAPI: Responder {
    /// What the middleware needs.
    package struct Dependencies: Sendable {
        package var clientAddresses: ClientAddresses
        package var tracer: Tracer
        package var metrics: RequestMetrics
        package var cors: CORSPolicy
        package var verifier: any TokenVerifier
        package var policy: AccessPolicy
        package var authOutcomes: AuthOutcomes
        package var rateLimiting: RateLimiting
        /// Named in challenges of refused credentials.
        package var resource: ProtectedResource
        /// For one request that waits, everything behind it included.
        package var deadline: Duration
        package var logger: Logger
        /// Nil where the portal is off.
        package var sessions: PortalSessions?

        package init(
            clientAddresses: ClientAddresses, tracer: Tracer, metrics: RequestMetrics, cors: CORSPolicy,
            verifier: any TokenVerifier, policy: AccessPolicy, authOutcomes: AuthOutcomes, rateLimiting: RateLimiting,
            resource: ProtectedResource, deadline: Duration, logger: Logger
        ) {
            self.clientAddresses = clientAddresses
            self.tracer = tracer
            self.metrics = metrics
            self.cors = cors
            self.verifier = verifier
            self.policy = policy
            self.authOutcomes = authOutcomes
            self.rateLimiting = rateLimiting
            self.resource = resource
            self.deadline = deadline
            self.logger = logger
        }
    }

    /// Every route as `METHOD /template`, in the table's order.
    package let routeNames: [String]
    private let router: Router
    /// By the index of their route.
    private let endpoints: [Endpoint]
    private let metrics: RequestMetrics
    private let unmatched: Endpoint
    private let asterisk: Endpoint
    private let overload: Endpoint
    private let pipeline: Pipeline

    package init(routes: [Route], _ dependencies: Dependencies) {
        let metrics = dependencies.metrics
        self.metrics = metrics
        routeNames = routes.map { "\($0.method.rawValue) \($0.template)" }
        router = Router(routes.map { ($0.method, $0.template) })
        endpoints = routes.map { route in
            let methods = routes.filter { $0.template == route.template }.map(\.method)
            return Endpoint(
                route.handler, metrics.route(route.template, methods: methods), requiresCaller: route.requiresCaller,
                isPage: route.isPage, isOperational: route.limit == .none,
                rule: dependencies.rateLimiting.rule(for: route.limit))
        }
        unmatched = Endpoint(.immediate { throw Self.noRoute($0.request) }, metrics.route("_unmatched"))
        asterisk = Endpoint(.immediate { _ in Response(status: .noContent) }, metrics.route("*"))
        overload = Endpoint(.immediate { _ in throw Self.overloaded }, metrics.route("_overloaded"))
        pipeline = Pipeline(
            middleware: [
                // First, so that all others see the client's address.
                dependencies.clientAddresses,
                // Before anything can fail, so that every log line names its trace.
                RequestTracing(tracer: dependencies.tracer),
                dependencies.metrics,
                RequestLog(logger: dependencies.logger),
                // Browsers must be able to read refusals too.
                dependencies.cors,
                Authentication(
                    verifier: dependencies.verifier, policy: dependencies.policy, outcomes: dependencies.authOutcomes,
                    sessions: dependencies.sessions),
                // Last: a request counts once its caller is known and before anything is done for it.
                dependencies.rateLimiting,
            ],
            errors: ErrorAnswers(
                resource: dependencies.resource, pages: dependencies.sessions.map(\.pages),
                logger: dependencies.logger),
            deadline: dependencies.deadline)
    }

    package func respond(to request: Request) -> Answer {
        let began = EventLoop.nanoseconds()
        let (endpoint, parameters) = route(request)
        return pipeline.answer(Exchange(request, endpoint: endpoint, parameters: parameters, began: began))
    }

    package func overloaded(_ request: Request) -> Response {
        pipeline.refuse(Exchange(request, endpoint: overload), Self.overloaded)
    }

    /// The endpoint of a request, or a stand-in for what has no route, and the template's parameters.
    private func route(_ request: Request) -> (Endpoint, [String]) {
        let path = request.head.bytes[request.head.pathRange]
        switch router.match(request.method, path: path) {
        case .found(let index, let parameters): return (endpoints[index], parameters)
        case .methodNotAllowed(let template, let allow): return (Self.wrongMethod(metrics.route(template), allow), [])
        case .notFound where request.method == .options && path.elementsEqual([0x2A]): return (asterisk, [])
        case .notFound: return (unmatched, [])
        }
    }

    /// Answers OPTIONS with the methods of the path, and refuses any other.
    private static func wrongMethod(_ metrics: RouteMetrics, _ allow: String) -> Endpoint {
        Endpoint(
            .immediate { exchange in
                guard exchange.request.method == .options else { throw MethodNotAllowed(allow: allow) }
                return Response(status: .noContent, fields: HTTPFields([("allow", allow)]))
            }, metrics)
    }

    private static let overloaded = HelperError(
        .overloaded, "The server is overloaded. Try again in a moment.", retryAfter: .seconds(1))

    /// Characters of a path that an error message repeats.
    private static let pathCharactersMax = 200

    /// The path stays out of the log: callers may write anything into it.
    static func noRoute(_ request: Request) -> HelperError {
        let path = request.path.prefix(pathCharactersMax)
        return HelperError(
            .notFound, "No such route: \(request.method.rawValue.prefix(20)) \(path)", cause: "no such route")
    }
}
