import HTTP
import HTTPServer
import HelperCore
import Telemetry

/// Turns every error that a middleware, a handler or a port threw into a response: the caller learns the public half,
/// the log the rest.
struct ErrorAnswers: Sendable {
    let resource: ProtectedResource
    /// Nil where the portal is off.
    var pages: PageAnswers?
    let logger: Logger

    func response(to error: any Error, _ exchange: Exchange) -> Response {
        let known = Self.helperError(error)
        // Nothing that the caller can change about the key would help, as with other conflicts of state.
        let status = error is SecretNotShown ? .forbidden : ErrorResponse.status(for: known.code)
        log(error, known, status, exchange)
        var response = ErrorResponse.make(known, requestID: exchange.request.id, status: status)
        pages?.replaceBody(of: &response, known, exchange)
        switch error {
        case let error as AuthenticationError:
            if let challenge = error.challenge {
                response.fields["www-authenticate"] = resource.challenge(challenge, for: exchange.request)
            }
        case let error as MethodNotAllowed: response.fields["allow"] = error.allow
        case is UnsupportedContentCoding: response.fields["accept-encoding"] = "identity"
        default: break
        }
        return response
    }

    /// What callers learn of an error.
    static func helperError(_ error: any Error) -> HelperError {
        switch error {
        case let error as HelperError: error
        case let error as AuthenticationError: error.error
        case let error as RateLimitError: error.error
        case let error as CatalogError: HelperError(error)
        case let error as Provisioning.Failure: HelperError(error)
        case let error as KeyError: HelperError(error)
        case let error as CredentialMissing: HelperError(error)
        case let error as AuditTrail.NoRoom: HelperError(error)
        case let error as APIManagerError: HelperError(error)
        case let error as MethodNotAllowed:
            HelperError(.methodNotAllowed, "This resource allows: \(error.allow).")
        case let error as UnsupportedContentCoding: error.error
        case let error as SecretNotShown: HelperError(error)
        default:
            HelperError(
                .internalError, "The server has a defect. Tell the operator the request id.", cause: "\(error)")
        }
    }

    private func log(_ error: any Error, _ known: HelperError, _ status: HTTPStatus, _ exchange: Exchange) {
        if let refusal = (error as? AuthenticationError)?.refusal {
            var metadata = exchange.metadata
            metadata[LogKey.check] = .string(refusal.check.rawValue)
            if let hint = refusal.hint { metadata["hint"] = .string(hint) }
            logger.log(level: refusal.hint == nil ? .info : .warning, "a token was refused", metadata: metadata)
        }
        logger.log(
            level: Self.level(of: status, isFirst: (error as? RateLimitError)?.isFirst ?? false), "a request failed",
            metadata: exchange.metadata.merging([
                LogKey.status: .integer(status.code), LogKey.code: .string(known.code.rawValue),
                LogKey.error: .string(known.cause ?? known.publicMessage),
            ]) { $1 })
    }

    /// Operators see at info and above: our failures, refusals of callers who are known, and a subject's first refusal
    /// by a limit.
    private static func level(of status: HTTPStatus, isFirst: Bool) -> Logger.Level {
        switch status.code {
        case 500...: .error
        case 403, 409: .info
        case 429 where isFirst: .info
        default: .debug
        }
    }
}

/// The path exists, the method does not (RFC 9110 §15.5.6).
struct MethodNotAllowed: Error {
    /// The value of the `Allow` field.
    let allow: String
}
