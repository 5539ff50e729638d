import EventLoop
package import HTTP
package import HTTPServer
package import HelperCore
package import Telemetry

/// The HTTP face: every route on one screen, and what happens around each request, in this order: the client's
/// address, clock and metrics, routing, authentication, limits, the handler, errors to answers.
package struct HelperAPI: Responder {
    /// What the routes need.
    package struct Dependencies: Sendable {
        package var listServices: ListServices
        package var findService: FindService
        package var provisionKey: ProvisionKey
        package var readiness: CheckReadiness
        package var verifier: any TokenVerifier
        package var policy: AccessPolicy
        package var lifecycle: Lifecycle
        package var metrics: RequestMetrics
        package var tracer: Tracer
        package var authOutcomes: AuthOutcomes
        package var rateLimiting: RateLimiting
        package var clientAddresses: ClientAddresses
        /// Nil when metrics have a port of their own.
        package var metricsRoute: MetricsRoute?
        package var documentation: Documentation
        package var cors: CORSPolicy

        package init(
            listServices: ListServices, findService: FindService, provisionKey: ProvisionKey, readiness: CheckReadiness,
            verifier: any TokenVerifier, policy: AccessPolicy, lifecycle: Lifecycle, metrics: RequestMetrics,
            tracer: Tracer, authOutcomes: AuthOutcomes, rateLimiting: RateLimiting, clientAddresses: ClientAddresses,
            metricsRoute: MetricsRoute?, documentation: Documentation, cors: CORSPolicy
        ) {
            self.listServices = listServices
            self.findService = findService
            self.provisionKey = provisionKey
            self.readiness = readiness
            self.verifier = verifier
            self.policy = policy
            self.lifecycle = lifecycle
            self.metrics = metrics
            self.tracer = tracer
            self.authOutcomes = authOutcomes
            self.rateLimiting = rateLimiting
            self.clientAddresses = clientAddresses
            self.metricsRoute = metricsRoute
            self.documentation = documentation
            self.cors = cors
        }
    }

    /// Every route as `METHOD /template`, in the table's order.
    package let routeNames: [String]
    private let router: Router
    /// By the index of their route.
    private let endpoints: [Endpoint]
    private let authentication: Authentication
    private let clientAddresses: ClientAddresses
    let rateLimiting: RateLimiting
    private let metrics: RequestMetrics
    private let tracing: RequestTracing
    private let unmatched: RouteMetrics
    private let asterisk: RouteMetrics
    private let cors: CORSPolicy
    private let overload: RouteMetrics
    private let resource: ProtectedResource
    private let deadline: Duration
    private let logger: Logger

    /// - Parameters:
    ///   - resource: what clients are told of us, in challenges and by a document.
    ///   - deadline: for one request, everything behind it included.
    package init(
        _ dependencies: Dependencies, resource: ProtectedResource, deadline: Duration, logger: Logger
    ) {
        let health = HealthRoutes(readiness: dependencies.readiness, lifecycle: dependencies.lifecycle)
        let services = ServiceRoutes(
            listServices: dependencies.listServices, findService: dependencies.findService,
            provisionKey: dependencies.provisionKey)
        let documentation = DocumentationRoutes(documentation: dependencies.documentation)
        var routes = [
            Route(.get, "/api/health", .open(health.live)),
            Route(.get, "/api/health/ready", .open(health.ready)),
            Route(.get, "/api/services", .authenticated(services.list)),
            Route(.get, "/api/services/{id}", .authenticated(services.detail)),
            Route(.get, "/api/services/{id}/plans", .authenticated(services.plans)),
            Route(.post, "/api/services/init", .authenticated(services.initialise)),
            Route(.get, "/api/openapi.json", .open(documentation.document)),
            Route(.get, "/docs", .open(documentation.page)),
            Route(.get, "/docs/{asset}", .open(documentation.asset)),
        ]
        if let route = dependencies.metricsRoute { routes.append(Route(.get, "/metrics", .open(route.scrape))) }
        routes += resource.paths.map { path in
            Route(.get, path, .open { .now(resource.document(for: $0.request)) })
        }
        routeNames = routes.map { "\($0.method.rawValue) \($0.template)" }
        let metrics = dependencies.metrics
        router = Router(routes.map { ($0.method, $0.template) })
        endpoints = routes.map { route in
            let methods = routes.filter { $0.template == route.template }.map(\.method)
            return Endpoint(
                route.handler, metrics.route(route.template, methods: methods),
                dependencies.rateLimiting.rule(for: route.method, route.template))
        }
        rateLimiting = dependencies.rateLimiting
        clientAddresses = dependencies.clientAddresses
        unmatched = metrics.route("_unmatched")
        asterisk = metrics.route("*")
        overload = metrics.route("_overloaded")
        authentication = Authentication(
            verifier: dependencies.verifier, policy: dependencies.policy,
            outcomes: dependencies.authOutcomes, logger: logger)
        self.metrics = metrics
        cors = dependencies.cors
        tracing = RequestTracing(tracer: dependencies.tracer)
        self.resource = resource
        self.deadline = deadline
        self.logger = logger
    }

    /// The configuration of a server with this face: fields on every answer, and its words for malformed requests.
    package static func serverConfiguration(
        host: String, port: Int, refusals: RefusalMetrics, cors: CORSPolicy = CORSPolicy(origins: [])
    ) -> HTTPServerConfiguration {
        var configuration = HTTPServerConfiguration(
            host: host, port: port, commonFields: commonFields, uncachedFields: uncachedFields,
            refusal: { error, request in
                refusals.note(error)
                var response = ErrorResponse.refusal(error, requestID: request.id)
                cors.apply(to: &response, for: request)
                return response
            })
        configuration.outOfMemory = { request in
            let error = HelperError(
                .overloaded, "The server is overloaded: its memory for clients is used up. Try again in a moment.",
                retryAfter: .seconds(1))
            var response = ErrorResponse.make(error, requestID: request.id)
            cors.apply(to: &response, for: request)
            return response
        }
        return configuration
    }

    /// The security headers.
    package static let commonFields = HTTPFields([
        ("x-content-type-options", "nosniff"), ("x-frame-options", "DENY"), ("x-xss-protection", "1; mode=block"),
        ("strict-transport-security", "max-age=31536000; includeSubDomains"),
        ("content-security-policy", "default-src 'self'"), ("referrer-policy", "no-referrer"),
    ])

    /// Answers hold keys, so nobody in between may keep them.
    package static let uncachedFields = HTTPFields([("cache-control", "no-store")])

    // MARK: One request

    package func respond(to request: Request) -> Answer {
        let began = EventLoop.nanoseconds()
        guard let client = clientAddresses.client(of: request) else { return respond(to: request, since: began) }
        let known = Request(head: request.head, body: request.body, id: request.id, remoteAddress: client)
        return respond(to: known, since: began)
    }

    /// - Parameters:
    ///   - request: from the client's own address.
    ///   - began: on the loop's clock, in nanoseconds.
    private func respond(to request: Request, since began: UInt64) -> Answer {
        let trace = tracing.begin(request)
        let (route, reply, edge) = route(request, trace.context)
        switch consume reply {
        case .now(let response): return .now(finish(response, request, route, trace, began, edge))
        case .later(let work):
            return .later {
                let response: Response
                do {
                    response = try await ServiceContext.$current.withValue(trace.context) {
                        try await Deadline.$current.withValue(.now + deadline) { try await work() }
                    }
                } catch {
                    response = answer(to: error, request, route, edge?.trace ?? trace.context)
                }
                return finish(response, request, route, trace, began, edge)
            }
        }
    }

    package func overloaded(_ request: Request) -> Response {
        let error = HelperError(
            .overloaded, "Too much is under way. Try again in a moment.", retryAfter: .seconds(1))
        let trace = tracing.begin(request)
        return finish(
            answer(to: error, request, overload, trace.context), request, overload, trace, EventLoop.nanoseconds(), nil)
    }

    /// The route, or a stand-in for what has none, and the handler's reply.
    private func route(_ request: Request, _ context: ServiceContext) -> (RouteMetrics, Reply, EdgeContext?) {
        let path = request.head.bytes[request.head.pathRange]
        switch router.match(request.method, path: path) {
        case .found(let index, let parameters):
            let endpoint = endpoints[index]
            EventLoop.current?.note(endpoint.activity)
            let edge = EdgeContext(
                request: request, parameters: parameters, route: endpoint.metrics.template, trace: context)
            return (endpoint.metrics, handle(endpoint, edge), edge)
        case .methodNotAllowed(let template, let allow):
            return (metrics.route(template), .now(wrongMethod(request, allow)), nil)
        case .notFound where request.method == .options && path.elementsEqual([0x2A]):
            return (asterisk, .now(Response(status: .noContent)), nil)
        case .notFound:
            let error = HelperError(.notFound, "There is nothing here.")
            return (unmatched, .now(ErrorResponse.make(error, requestID: request.id)), nil)
        }
    }

    private func handle(_ endpoint: Endpoint, _ edge: EdgeContext) -> Reply {
        switch endpoint.handler {
        case .open(let handle):
            return counted(RateLimiting.subject(edge.request), endpoint.rule, edge, endpoint, .open(handle))
        case .authenticated(let handle):
            do throws(AuthenticationError) {
                switch try authentication.authenticate(edge) {
                case .caller(let caller): return admitted(caller, handle, edge, endpoint)
                case .undecided(let token):
                    return .later {
                        let reply: Reply
                        do throws(AuthenticationError) {
                            let caller = try await authentication.authenticateByAsking(token, edge)
                            reply = admitted(caller, handle, edge, endpoint)
                        } catch {
                            reply = refused(error, edge, endpoint)
                        }
                        return try await reply.response()
                    }
                }
            } catch {
                return refused(error, edge, endpoint)
            }
        }
    }

    private func admitted(
        _ caller: Caller, _ handle: @escaping @Sendable (CallerContext) throws -> Reply, _ edge: EdgeContext,
        _ endpoint: Endpoint
    ) -> Reply {
        counted(.owner(caller.ownerMark), endpoint.rule, edge, endpoint, .authenticated(handle, caller))
    }

    func attempt(_ edge: EdgeContext, _ endpoint: Endpoint, _ work: Work) -> Reply {
        do {
            switch try work(edge) {
            case .now(let response): return .now(response)
            case .later(let work):
                // What is done from here on is done for a caller who is known.
                return .later {
                    do {
                        return try await ServiceContext.$current.withValue(edge.trace) { try await work() }
                    } catch {
                        return answer(to: error, edge, endpoint)
                    }
                }
            }
        } catch {
            return .now(answer(to: error, edge, endpoint))
        }
    }

    /// - Parameter isFirst: of a refusal by a limit, whether it is the subject's first, which is told in the log.
    func answer(
        to error: any Error, _ edge: EdgeContext, _ endpoint: Endpoint, isFirst: Bool = false
    ) -> Response {
        answer(to: error, edge.request, endpoint.metrics, edge.trace, isFirst: isFirst)
    }

    private func wrongMethod(_ request: Request, _ allow: String) -> Response {
        var response =
            request.method == .options
            ? Response(status: .noContent)
            : ErrorResponse.make(
                HelperError(.methodNotAllowed, "This resource allows: \(allow)."), requestID: request.id)
        response.fields["allow"] = allow
        return response
    }

    // MARK: After the handler

    /// Success is a metric; its line is for those who look for one request.
    private func finish(
        _ response: consuming Response, _ request: Request, _ route: RouteMetrics, _ trace: RequestTracing.Trace,
        _ began: UInt64, _ edge: EdgeContext?
    ) -> Response {
        let duration = EventLoop.nanoseconds() &- began
        let status = response.status.code
        metrics.record(route, method: request.method, status: status, nanoseconds: duration)
        tracing.end(trace, request, route: route.template, status: status, nanoseconds: duration)
        logger.debug(
            "request",
            metadata: Self.metadata(request, route, edge?.trace ?? trace.context).merging([
                LogKey.status: .integer(status),
                LogKey.duration: .double(Double(duration / 1_000) / 1_000),
            ]) { $1 })
        cors.apply(to: &response, for: request)
        return response
    }

    /// Tells the caller what it may know and the log the rest.
    private func answer(
        to error: any Error, _ request: Request, _ route: RouteMetrics, _ context: ServiceContext, isFirst: Bool = false
    ) -> Response {
        let known: HelperError =
            switch error {
            case let error as HelperError: error
            case let error as AuthenticationError: error.error
            case let error as APIManagerError: error.helperError()
            case let error as UnsupportedContentCoding: error.error
            default:
                HelperError(
                    .internalError, "Something went wrong. Tell the operator the request id.", cause: "\(error)")
            }
        let status = ErrorResponse.status(for: known.code)
        if let refusal = (error as? AuthenticationError)?.refusal {
            authentication.log(refusal, Self.metadata(request, route, context))
        }
        logger.log(
            level: Self.level(of: status, isFirst: isFirst), "a request failed",
            metadata: Self.metadata(request, route, context).merging([
                LogKey.status: .integer(status.code), LogKey.code: .string(known.code.rawValue),
                LogKey.error: .string(known.cause ?? known.publicMessage),
            ]) { $1 })
        var response = ErrorResponse.make(known, requestID: request.id)
        if error is UnsupportedContentCoding { response.fields["accept-encoding"] = "identity" }
        if let challenge = (error as? AuthenticationError)?.challenge {
            response.fields["www-authenticate"] = resource.challenge(challenge, for: request)
        }
        return response
    }

    /// What an operator looks for is told at info and above: our failures, refusals of people who are known, and that a subject
    /// has met a limit.
    private static func level(of status: HTTPStatus, isFirst: Bool) -> Logger.Level {
        switch status.code {
        case 500...: .error
        case 403, 409: .info
        case 429 where isFirst: .info
        default: .debug
        }
    }

    private static func metadata(
        _ request: Request, _ route: RouteMetrics, _ context: ServiceContext
    ) -> Logger.Metadata {
        context.metadata.merging([
            LogKey.ip: .string(request.remoteAddress), LogKey.method: .string(request.method.rawValue),
            LogKey.route: .string(route.template),
        ]) { $1 }
    }
}
