package import HTTP
import HTTPServer

/// The one place where an error becomes an answer.
package enum ErrorResponse {
    /// Every code has exactly one status.
    package static func status(for code: HelperError.Code) -> HTTPStatus {
        switch code {
        case .invalidRequest, .missingServiceID, .userInfoError: .badRequest
        case .missingAuth, .invalidToken: .unauthorized
        case .forbidden, .accountBlocked: .forbidden
        case .notFound, .serviceNotFound, .planNotFound, .keyNotFound: .notFound
        case .methodNotAllowed: .methodNotAllowed
        case .noPlansFound, .identityConflict, .keyHasTwin, .keyUnavailable, .keyStateConflict,
            .keyLimitReached, .planNeedsApproval:
            .conflict
        case .preconditionFailed: .preconditionFailed
        case .payloadTooLarge: .contentTooLarge
        case .unsupportedMediaType: .unsupportedMediaType
        case .headersTooLarge: .requestHeaderFieldsTooLarge
        case .requestTimeout: .requestTimeout
        case .uriTooLong: .uriTooLong
        case .expectationFailed: .expectationFailed
        case .notImplemented: .notImplemented
        case .versionNotSupported: .httpVersionNotSupported
        case .rateLimited: .tooManyRequests
        case .internalError: .internalServerError
        case .upstreamError, .accountCreationFailed, .applicationCreationFailed, .upstreamAccessDenied: .badGateway
        case .notReady, .overloaded, .upstreamUnavailable: .serviceUnavailable
        case .upstreamTimeout: .gatewayTimeout
        }
    }

    /// - Parameter status: another than the code's own.
    static func make(_ error: HelperError, requestID: RequestID, status: HTTPStatus? = nil) -> Response {
        var response = Response.json(
            Envelope.failure(error, requestID: requestID), status: status ?? Self.status(for: error.code))
        if let retryAfter = error.retryAfter {
            response.fields["retry-after"] = String(max(1, Int(retryAfter.components.seconds)))
        }
        return response
    }

    /// The answer to bytes that are no well-formed request.
    static func refusal(_ error: ProtocolError, requestID: RequestID) -> Response {
        make(HelperError(code(for: error), error.explanation), requestID: requestID)
    }

    static func code(for error: ProtocolError) -> HelperError.Code {
        switch error.status.code {
        case 408: .requestTimeout
        case 413: .payloadTooLarge
        case 414: .uriTooLong
        case 417: .expectationFailed
        case 431: .headersTooLarge
        case 501: .notImplemented
        case 505: .versionNotSupported
        default: .invalidRequest
        }
    }
}
