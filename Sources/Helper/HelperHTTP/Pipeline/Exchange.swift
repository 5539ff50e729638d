import EventLoop
import HTTP
import HTTPServer
import HelperCore
import Telemetry

/// One request on its way through the pipeline, and what each middleware has found out about it.
struct Exchange: Sendable {
    /// What authentication found out.
    enum Identity: Sendable {
        /// The route is open, or authentication has not run.
        case none
        case caller(Caller)
        case refused(AuthenticationError)
    }

    /// How the request was counted.
    struct Count: Sendable {
        let rule: RateRule
        let verdict: RateVerdict
    }

    /// Comes from the client's own address once `ClientAddresses` has run.
    var request: Request
    let endpoint: Endpoint
    /// The segments that stand for the template's parameters, decoded.
    let parameters: [String]
    /// The request's place in its trace and, once known, its caller's name: the metadata of every log line about it.
    var trace: ServiceContext
    /// The caller's span, if it sent one.
    var parent: SpanContext?
    var identity = Identity.none
    /// What the session cookie says, on routes of the portal.
    var session = SessionReading.none
    var count: Count?
    /// When the pipeline got the request, in nanoseconds of the loop's clock.
    let began: UInt64
    /// From `began` to the response, in nanoseconds; zero until there is one.
    var nanoseconds: UInt64 = 0

    init(_ request: Request, endpoint: Endpoint, parameters: [String] = [], began: UInt64 = EventLoop.nanoseconds()) {
        self.request = request
        self.endpoint = endpoint
        self.parameters = parameters
        self.began = began
        trace = ServiceContext(requestID: request.id)
    }

    /// The route's template, its name in logs, metrics and traces.
    var route: String { endpoint.metrics.template }

    /// The caller.
    /// - Throws: why authentication refused the request.
    func requireCaller() throws(AuthenticationError) -> Caller {
        switch identity {
        case .caller(let caller): return caller
        case .refused(let error): throw error
        case .none: preconditionFailure("Invalid state: \(route) needs a caller and was not authenticated")
        }
    }

    /// What every log line about the request says.
    var metadata: Logger.Metadata {
        trace.metadata.merging([
            LogKey.ip: .string(request.remoteAddress), LogKey.method: .string(request.method.rawValue),
            LogKey.route: .string(route),
        ]) { $1 }
    }
}
