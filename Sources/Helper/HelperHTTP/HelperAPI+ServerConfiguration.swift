package import HTTP
package import HTTPServer
import HelperCore

extension HelperAPI {
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
}
