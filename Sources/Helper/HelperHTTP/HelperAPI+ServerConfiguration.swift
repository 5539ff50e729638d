package import HTTP
package import HTTPServer
import HelperCore
package import Telemetry

extension HelperAPI {
    /// The configuration of a server with this face: fields on every answer, and its words for malformed requests.
    /// - Parameter logger: gets a line for each answer that no route gives.
    package static func serverConfiguration(
        host: String, port: Int, refusals: RefusalMetrics, cors: CORSPolicy = CORSPolicy(origins: []), logger: Logger
    ) -> HTTPServerConfiguration {
        var configuration = HTTPServerConfiguration(
            host: host, port: port, commonFields: commonFields, uncachedFields: uncachedFields,
            refusal: { error, request in
                refusals.note(error)
                log(error, request, logger)
                var response = ErrorResponse.refusal(error, requestID: request.id)
                cors.apply(to: &response, for: request)
                return response
            })
        configuration.outOfMemory = { request in
            let error = HelperError(
                .overloaded, "The server is overloaded: its memory for clients is used up. Try again in a moment.",
                retryAfter: .seconds(1))
            log(error, request, logger)
            var response = ErrorResponse.make(error, requestID: request.id)
            cors.apply(to: &response, for: request)
            return response
        }
        return configuration
    }

    /// The line of bytes that are no well-formed request. Every 5xx has one at the default level, also where the client is at
    /// fault: a proxy in front of us may speak another version or transfer coding.
    private static func log(_ error: ProtocolError, _ request: Request, _ logger: Logger) {
        logger.log(
            level: error.status.code >= 500 ? .info : .debug, "a request failed",
            metadata: metadata(request, error.status, ErrorResponse.code(for: error), error.explanation))
    }

    private static func log(_ error: HelperError, _ request: Request, _ logger: Logger) {
        logger.error(
            "a request failed",
            metadata: metadata(
                request, ErrorResponse.status(for: error.code), error.code, error.cause ?? error.publicMessage))
    }

    private static func metadata(
        _ request: Request, _ status: HTTPStatus, _ code: HelperError.Code, _ error: String
    ) -> Logger.Metadata {
        [
            LogKey.requestID: .string(request.id.description), LogKey.ip: .string(request.remoteAddress),
            LogKey.status: .integer(status.code), LogKey.code: .string(code.rawValue), LogKey.error: .string(error),
        ]
    }

    /// The security headers.
    package static let commonFields = HTTPFields([
        ("x-content-type-options", "nosniff"), ("x-frame-options", "DENY"), ("x-xss-protection", "1; mode=block"),
        ("strict-transport-security", "max-age=31536000; includeSubDomains"),
        ("content-security-policy", "default-src 'self'"), ("referrer-policy", "no-referrer"),
    ])

    /// Answers hold keys, so no cache on the way may keep them.
    package static let uncachedFields = HTTPFields([("cache-control", "no-store")])
}
