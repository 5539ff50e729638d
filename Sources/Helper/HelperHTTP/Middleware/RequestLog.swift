import HTTP
import HTTPServer
import HelperCore
import Telemetry

/// One line for each request, at debug: success is a metric, and the line is for an operator who looks for one request.
struct RequestLog: Middleware {
    let logger: Logger

    func complete(_ response: inout Response, _ exchange: Exchange) {
        let status = response.status.code
        logger.debug(
            "request",
            metadata: exchange.metadata.merging([
                LogKey.status: .integer(status),
                LogKey.duration: .double(Double(exchange.nanoseconds / 1_000) / 1_000),
            ]) { $1 })
    }
}
