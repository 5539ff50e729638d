import Bytes
import HTTP
package import HTTPClient
import JSON
package import Telemetry

/// Sends spans to an OpenTelemetry collector over OTLP/HTTP in JSON: in batches, one request at a time, never on a
/// request's path. What the collector cannot take now is tried again a few times; what is lost is counted.
package struct OTLPExporter: Sendable {
    private static let responseBytesMax = 64 * 1024
    /// Seconds.
    private static let retryAfterMax = 3_600

    /// What became of spans.
    package struct Metrics: Sendable {
        package let exported: Counter
        /// Found no room in the queue.
        package let overflowed: Counter
        /// The collector refused them, wholly or in part.
        package let refused: Counter
        /// The collector could not be reached in time.
        package let unreachable: Counter

        /// - Parameter prefix: goes before `spans_exported_total` and `spans_dropped_total`.
        package init(prefix: String, factory: any MetricsFactory) {
            func dropped(_ reason: String) -> Counter {
                Counter(label: "\(prefix)_spans_dropped_total", dimensions: [("reason", reason)], factory: factory)
            }
            exported = Counter(label: "\(prefix)_spans_exported_total", factory: factory)
            overflowed = dropped("queue_full")
            refused = dropped("refused")
            unreachable = dropped("unreachable")
        }
    }

    private enum Outcome {
        case sent(rejected: Int)
        /// May pass.
        case retry(after: Duration?, reason: String)
        case refused(reason: String)
    }

    private let configuration: OTLPConfiguration
    private let queue: SpanQueue
    private let client: HTTPClient
    private let metrics: Metrics
    private let logger: Logger

    package init(
        configuration: OTLPConfiguration, queue: SpanQueue, client: HTTPClient, metrics: Metrics, logger: Logger
    ) {
        self.configuration = configuration
        self.queue = queue
        self.client = client
        self.metrics = metrics
        self.logger = logger
    }

    /// Exports until told to stop.
    /// - Parameter sleep: waits, and returns false when it is time to stop.
    package func run(sleep: @Sendable (Duration) async -> Bool) async {
        var isFailing = false
        while true {
            let isBusy = queue.waitingCount >= configuration.batchMax
            guard await sleep(isBusy ? configuration.pause : configuration.delay) else { return }
            let spans = queue.take(max: configuration.batchMax)
            if spans.isEmpty { continue }
            guard let problem = await export(spans, sleep: sleep) else {
                if isFailing { logger.notice("spans are exported again") }
                isFailing = false
                continue
            }
            logger.log(
                level: isFailing ? .debug : .warning, "spans could not be exported",
                metadata: [LogKey.error: .string(problem), "spans": .integer(spans.count)])
            isFailing = true
        }
    }

    /// Sends what is left, once; for the end of a process.
    package func flush(within limit: Duration) async {
        let end = ContinuousClock.now + limit
        while true {
            let spans = queue.take(max: configuration.batchMax)
            let remaining = ContinuousClock.now.duration(to: end)
            if spans.isEmpty || remaining <= .zero { return }
            if case .sent = await send(body(of: spans), spans.count, timeout: remaining) { continue }
            metrics.unreachable.increment(by: Int64(spans.count))
        }
    }

    // MARK: One batch

    /// - Returns: why the batch was lost; nil when it was taken.
    private func export(_ spans: [FinishedSpan], sleep: @Sendable (Duration) async -> Bool) async -> String? {
        let body = body(of: spans)
        var attempt = 1
        while true {
            switch await send(body, spans.count, timeout: configuration.timeout) {
            case .sent(let rejected): return rejected > 0 ? "the collector rejected \(rejected) spans" : nil
            case .refused(let reason):
                metrics.refused.increment(by: Int64(spans.count))
                return reason
            case .retry(let after, let reason):
                // Doubles each time, with jitter so that replicas do not march in step.
                let pause = .milliseconds(500 << min(attempt - 1, 5)) * Double.random(in: 0.5...1.5)
                attempt += 1
                guard attempt <= configuration.attemptsMax, await sleep(min(after ?? pause, .seconds(30))) else {
                    metrics.unreachable.increment(by: Int64(spans.count))
                    return reason
                }
            }
        }
    }

    private func body(of spans: [FinishedSpan]) -> [UInt8] { OTLPEncoding.encode(spans, configuration) }

    private func send(_ body: [UInt8], _ count: Int, timeout: Duration) async -> Outcome {
        var request = HTTPClientRequest(
            method: .post, url: configuration.endpoint + "/v1/traces", body: body, timeout: timeout,
            maxResponseBytes: Self.responseBytesMax)
        request.fields.append("content-type", "application/json")
        for header in configuration.headers { request.fields.append(header.name, header.value) }
        do throws(HTTPClientError) {
            let response = try await client.execute(request)
            switch response.status.code {
            case 200...299:
                let rejected = min(count, Self.rejected(response.body))
                metrics.exported.increment(by: Int64(count - rejected))
                metrics.refused.increment(by: Int64(rejected))
                return .sent(rejected: rejected)
            case 429, 502, 503, 504:
                let seconds = response.fields["retry-after"].flatMap {
                    ForeignNumber($0)?.clamped(to: 0...Self.retryAfterMax)
                }
                return .retry(
                    after: seconds.map { .seconds($0) }, reason: "the collector answered \(response.status.code)")
            default: return .refused(reason: "the collector answered \(response.status.code)")
            }
        } catch {
            return .retry(after: nil, reason: error.description)
        }
    }

    /// `partialSuccess.rejectedSpans`, a number or a text.
    private static func rejected(_ body: [UInt8]) -> Int {
        guard let value = (try? JSONValue(parsing: body))?["partialSuccess"]?["rejectedSpans"] else { return 0 }
        return max(0, value.string.flatMap { ForeignNumber($0)?.within(0 ... .max) } ?? value.int(in: 0 ... .max) ?? 0)
    }
}
