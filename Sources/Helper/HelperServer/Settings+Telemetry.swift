package import Configuration
import HTTP

/// What the outside sees of how the helper is doing.
package struct TelemetrySettings: Sendable {
    /// Where `/metrics` is served; 0 on the port of the API.
    package let metricsPort: Int
    package let metricsHost: String
    /// The commit the build was made of.
    package let commit: String
    /// The collector that spans are sent to; nil records none.
    package let otlpEndpoint: String?
    /// What goes with each request to it; may hold credentials.
    package let otlpHeaders: Secret?
    package let serviceName: String
    /// The share of traces starting here that is recorded, 0...1.
    package let samplingRatio: Double
    /// Spans that may wait for the collector.
    package let spanQueueMax: Int

    init(_ reader: inout ConfigReader) {
        metricsPort = reader.int(
            forKey: "METRICS_PORT", default: 0, defaultText: "the API's own port", range: 0...65_535,
            help: "Serves `/metrics` on a port of its own, and on that one only.")
        let host =
            reader.string(
                forKey: "METRICS_HOST", default: "0.0.0.0", expected: "an address",
                help: "The address of that port.") ?? ""
        metricsHost = Settings.address(host, key: "METRICS_HOST", &reader)
        let commit =
            reader.string(
                forKey: "MLAAS_COMMIT", default: "unknown", expected: "hexadecimal digits",
                help: "The commit the build was made of, shown by `mlaas_build_info`; an image sets it.") ?? ""
        let isCommit = commit == "unknown" || ((7...64).contains(commit.utf8.count) && commit.allSatisfy(\.isHexDigit))
        if !isCommit { reader.report("MLAAS_COMMIT", "must be 7 to 64 hexadecimal digits") }
        self.commit = commit
        otlpEndpoint = reader.url(
            forKey: "OTEL_EXPORTER_OTLP_ENDPOINT", example: "http://localhost:4318", required: false,
            help: "An OpenTelemetry collector that takes OTLP over HTTP in JSON. Unset, no span is recorded.")
        otlpHeaders = reader.secret(
            forKey: "OTEL_EXPORTER_OTLP_HEADERS", required: false,
            help: "Fields to send to the collector: `name=value,name=value`, values percent-encoded.")
        if let otlpHeaders, Self.pairs(otlpHeaders) == nil {
            reader.report("OTEL_EXPORTER_OTLP_HEADERS", "expected name=value,name=value with percent-encoded values")
        }
        serviceName =
            reader.string(
                forKey: "OTEL_SERVICE_NAME", default: "mlaas-helper", help: "What traces call this service.") ?? ""
        let ratio =
            reader.string(
                forKey: "OTEL_TRACES_SAMPLER_ARG", default: "1", expected: "a number from 0 to 1",
                help: """
                    The share of traces that are recorded where the caller has not decided. What exporting may cost is \
                    bounded whatever it is.
                    """) ?? ""
        if let number = Double(ratio), (0...1).contains(number) {
            samplingRatio = number
        } else {
            reader.report("OTEL_TRACES_SAMPLER_ARG", "must be a number from 0 to 1, found \(ConfigReader.shown(ratio))")
            samplingRatio = 0
        }
        spanQueueMax = reader.int(
            forKey: "OTEL_BSP_MAX_QUEUE_SIZE", default: 2_048, range: 1...100_000,
            help: "How many spans may wait for the collector; those beyond are dropped and counted.")
    }

    /// The fields for the collector, decoded.
    func otlpFields() -> [(name: String, value: String)] { otlpHeaders.flatMap(Self.pairs) ?? [] }

    /// Nil when the text is malformed.
    private static func pairs(_ secret: Secret) -> [(name: String, value: String)]? {
        var pairs: [(name: String, value: String)] = []
        for pair in secret.reveal().split(separator: ",") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { return nil }
            let name = parts[0].filter { $0 != " " }
            let isName = !name.isEmpty && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x3A }
            guard isName, let value = PercentEncoding.decode(Array(parts[1].utf8)[...]),
                value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
            else { return nil }
            pairs.append((name, value))
        }
        return pairs
    }
}
