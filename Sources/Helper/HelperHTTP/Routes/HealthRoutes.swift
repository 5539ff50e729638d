import HTTP
package import HTTPServer
package import HelperCore
import JSON
import Synchronization
package import Telemetry

/// Liveness and readiness.
package struct HealthRoutes: Sendable {
    private let readiness: CheckReadiness
    private let lifecycle: Lifecycle
    private let logger: Logger

    /// - Parameter logger: gets a line for each readiness answer of 503.
    package init(readiness: CheckReadiness, lifecycle: Lifecycle, logger: Logger) {
        self.readiness = readiness
        self.lifecycle = lifecycle
        self.logger = logger
    }

    /// `GET /api/health`: the process lives; nothing else is looked at.
    package func live(_ context: EdgeContext) -> Response { Self.healthy }

    private static let healthy = Envelope.success("Health check successful") { writer in
        writer.name("status")
        writer.string("healthy")
    }

    /// `GET /api/health/ready`: whether requests may be sent here.
    package func ready(_ context: EdgeContext) -> Response {
        let (isReady, checks) = readiness()
        let write: (inout JSONWriter) -> Void = { writer in Self.write(checks, to: &writer) }
        if isReady, !lifecycle.isDraining { return Envelope.success("Ready", data: write) }
        let error = HelperError(
            .notReady, lifecycle.isDraining ? "The server is shutting down." : "Not everything has been loaded yet.")
        log(error, checks, context)
        let body = Envelope.failure(error, requestID: context.request.id, data: write)
        var response = Response.json(body, status: ErrorResponse.status(for: .notReady))
        response.fields["retry-after"] = "1"
        return response
    }

    /// A probe that is refused takes the pod out of its Service, so that the log must say why.
    private func log(_ error: HelperError, _ checks: [CheckReadiness.Check], _ context: EdgeContext) {
        let missing = checks.filter { $0.status == .down }.map(\.subject.rawValue).joined(separator: ", ")
        let cause = lifecycle.isDraining ? error.publicMessage : "not loaded yet: \(missing)"
        logger.info(
            "a request failed",
            metadata: [
                LogKey.requestID: .string(context.request.id.description),
                LogKey.ip: .string(context.request.remoteAddress),
                LogKey.method: .string(context.request.method.rawValue), LogKey.route: "/api/health/ready",
                LogKey.status: .integer(ErrorResponse.status(for: error.code).code),
                LogKey.code: .string(error.code.rawValue), LogKey.error: .string(cause),
            ])
    }

    private static func write(_ checks: [CheckReadiness.Check], to writer: inout JSONWriter) {
        writer.name("checks")
        writer.beginArray()
        for check in checks {
            writer.beginObject()
            writer.name("name")
            writer.string(check.subject.rawValue)
            writer.name("status")
            writer.string(check.status.rawValue)
            if let age = check.age {
                writer.name("age_seconds")
                writer.int(Int(age.components.seconds))
            }
            writer.endObject()
        }
        writer.endArray()
    }
}

/// Where the process is in its life.
package final class Lifecycle: Sendable {
    private let draining = Atomic<Bool>(false)

    package init() {}

    package var isDraining: Bool { draining.load(ordering: .relaxed) }

    /// No new requests should come here from now on.
    package func beginDraining() { draining.store(true, ordering: .relaxed) }
}
