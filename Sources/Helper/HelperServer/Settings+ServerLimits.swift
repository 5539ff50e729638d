import Configuration
import HTTP
import HTTPServer

/// What one client may cost, and all of them together: `ServerLimits`, each bound by its variable.
extension Settings {
    static func serverLimits(_ reader: inout ConfigReader) -> ServerLimits {
        var limits = ServerLimits()
        readMessage(&reader, &limits)
        readClocks(&reader, &limits)
        readConnections(&reader, &limits)
        readRequests(&reader, &limits)
        return limits
    }

    private static func readMessage(_ reader: inout ConfigReader, _ limits: inout ServerLimits) {
        limits.message.headBytes = reader.int(
            forKey: "SERVER_MAX_HEAD_BYTES", default: limits.message.headBytes, range: 1_024...1_048_576,
            help: "Bytes of a request's head. Beyond: 431.")
        limits.message.requestLineBytes = reader.int(
            forKey: "SERVER_MAX_REQUEST_LINE_BYTES", default: limits.message.requestLineBytes, range: 256...1_048_576,
            help: "Bytes of a request's first line. Beyond: 414.")
        limits.message.fieldCount = reader.int(
            forKey: "SERVER_MAX_FIELDS", default: limits.message.fieldCount, range: 8...10_000,
            help: "Fields of a request's head. Beyond: 431.")
        limits.message.bodyBytes = reader.int(
            forKey: "SERVER_MAX_BODY_BYTES", default: limits.message.bodyBytes, range: 1_024...1_048_576,
            help: "Bytes of a request's body. Beyond: 413.")
    }

    private static func readClocks(_ reader: inout ConfigReader, _ limits: inout ServerLimits) {
        let range = Duration.milliseconds(100) ... .seconds(3_600)
        limits.headTime = reader.duration(
            forKey: "SERVER_HEAD_TIMEOUT", default: limits.headTime, range: range,
            help:
                "From the first byte of a head to its last; no byte restarts it. TLS handshakes have as long. Beyond: 408."
        )
        limits.bodyTime = reader.duration(
            forKey: "SERVER_BODY_TIMEOUT", default: limits.bodyTime, range: range,
            help: "From the last byte of a head to the last of its body. Beyond: 408.")
        limits.idleTime = reader.duration(
            forKey: "SERVER_IDLE_TIMEOUT", default: limits.idleTime, range: range,
            help:
                "How long a connection may carry nothing. Make it longer than a load balancer's in front. Beyond: closed."
        )
        limits.stallTime = reader.duration(
            forKey: "SERVER_STALL_TIMEOUT", default: limits.stallTime, range: range,
            help: "How long a client may take no byte of its answer. Beyond: reset.")
        limits.answerBytesPerSecond = reader.int(
            forKey: "SERVER_MIN_ANSWER_RATE", default: limits.answerBytesPerSecond, range: 1...1_000_000_000,
            help:
                "Bytes of an answer per second that a client must take. A whole answer has `SERVER_STALL_TIMEOUT` and what its bytes take at this rate. Beyond: reset."
        )
    }

    private static func readConnections(_ reader: inout ConfigReader, _ limits: inout ServerLimits) {
        limits.connections = reader.int(
            forKey: "SERVER_MAX_CONNECTIONS", default: limits.connections, range: 1...1_000_000,
            help:
                "Connections in all; a sixteenth of them, at most 32, is kept for client addresses with fewer than 4. Beyond: one that is idle or makes no progress makes room; without one, new ones are closed at once."
        )
        limits.connectionsPerAddress = reader.int(
            forKey: "SERVER_MAX_CONNECTIONS_PER_ADDRESS", default: limits.connectionsPerAddress, range: 1...1_000_000,
            help: "Connections of one client address; trusted proxies are excepted. Beyond: closed at once.")
        limits.requestsPerConnection = reader.int(
            forKey: "SERVER_MAX_REQUESTS_PER_CONNECTION", default: limits.requestsPerConnection,
            range: 1...1_000_000_000,
            help: "Requests answered on one connection; the last answer says that it closes.")
    }

    private static func readRequests(_ reader: inout ConfigReader, _ limits: inout ServerLimits) {
        limits.requestsInFlight = reader.int(
            forKey: "SERVER_MAX_REQUESTS_IN_FLIGHT", default: limits.requestsInFlight, range: 1...1_000_000,
            help: "Requests of one loop whose answer has to be waited for. Beyond: they wait their turn.")
        limits.requestsQueued = reader.int(
            forKey: "SERVER_MAX_REQUESTS_QUEUED", default: limits.requestsQueued, range: 0...1_000_000,
            help: "Requests of one loop that may wait their turn. Beyond: 503 `OVERLOADED`.")
        limits.queueTime = reader.duration(
            forKey: "SERVER_QUEUE_TIMEOUT", default: limits.queueTime, range: .milliseconds(10) ... .seconds(600),
            help: "How long one may wait its turn. Beyond: 503 `OVERLOADED`.")
    }
}
