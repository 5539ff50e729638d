import HTTP
import HTTPServer
import Synchronization
package import Telemetry

/// Durations by route template, method and status. All three are closed sets; handles hang on the route, so that the end of
/// a request looks nothing up by name.
package final class RequestMetrics: Middleware {
    private let factory: any MetricsFactory
    private let routes = Mutex<[String: RouteMetrics]>([:])

    package init(factory: any MetricsFactory) {
        self.factory = factory
    }

    /// The metrics of a route; for the time when routes are made, and for what is rare.
    /// - Parameters:
    ///   - template: one of a closed set: a route's template, or a stand-in for what has none.
    ///   - methods: those that usually succeed. Their series are there from the start, so that the first request is an increase.
    func route(_ template: String, methods: [HTTPMethod] = []) -> RouteMetrics {
        routes.withLock { routes in
            if let known = routes[template] { return known }
            let made = RouteMetrics(template: template, methods: methods, factory: factory)
            routes[template] = made
            return made
        }
    }

    func complete(_ response: inout Response, _ exchange: Exchange) {
        let timer = exchange.endpoint.metrics.timer(exchange.request.method, response.status.code)
        timer.recordNanoseconds(Int64(clamping: exchange.nanoseconds))
    }
}

/// The durations of one route, in a table by method and status whose entries are made when they first occur.
final class RouteMetrics: Sendable {
    private static let methods: InlineArray<10, String> = [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "_OTHER",
    ]
    private static let statuses: InlineArray<32, Int> = [
        200, 201, 204, 302, 303, 304, 307, 400, 401, 403, 404, 405, 406, 408, 409, 412, 413, 414, 415, 417, 422, 429,
        431, 500, 501, 502, 503, 504, 505, 101, 202, 0,
    ]
    /// The place of each status in `statuses`; the last stands for every other.
    private static let places: [UInt8] = {
        var places = [UInt8](repeating: 31, count: 600)
        for place in 0..<31 { places[statuses[place]] = UInt8(place) }
        return places
    }()

    private final class Row: Sendable {
        let timers: InlineArray<32, AtomicLazyReference<Timer>> = .init { _ in AtomicLazyReference() }
    }

    /// The route's template, its name in logs, metrics and traces.
    let template: String
    private let factory: any MetricsFactory
    private let rows: InlineArray<10, Row> = .init { _ in Row() }

    init(template: String, methods: [HTTPMethod], factory: any MetricsFactory) {
        self.template = template
        self.factory = factory
        for method in methods { _ = timer(method, 200) }
    }

    func timer(_ method: HTTPMethod, _ status: Int) -> Timer {
        let row = Self.place(method)
        let place = Int(Self.places.indices.contains(status) ? Self.places[status] : 31)
        if let made = rows[row].timers[place].load() { return made }
        return rows[row].timers[place].storeIfNil(Self.make(template, row, place, factory))
    }

    private static func make(_ template: String, _ row: Int, _ place: Int, _ factory: any MetricsFactory) -> Timer {
        let code = statuses[place]
        return Timer(
            label: "http_server_request_duration_seconds",
            dimensions: [
                ("http_route", template), ("http_request_method", methods[row]),
                ("http_response_status_code", code == 0 ? "_OTHER" : String(code)),
            ], factory: factory)
    }

    /// Methods that HTTP does not define would make a series each: they share the last place.
    private static func place(_ method: HTTPMethod) -> Int {
        switch method {
        case .get: 0
        case .head: 1
        case .post: 2
        case .put: 3
        case .patch: 4
        case .delete: 5
        case .options: 6
        case .trace: 7
        case .connect: 8
        case .other: 9
        }
    }
}
