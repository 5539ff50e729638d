import Synchronization
import Telemetry
import Testing

private let sample = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

@Suite("traceparent and tracestate")
struct TraceParentTests {

    private func parse(_ text: String, _ states: [String] = []) -> SpanContext? {
        TraceParent.parse(Array(text.utf8)[...], states: states)
    }

    @Test("are read and written as the recommendation has them")
    func good() throws {
        let context = try #require(parse(sample, ["rojo=00f067aa0ba902b7, congo=t61rcWkgMzE", " a@b=1 "]))
        #expect(context.traceID.description == "4bf92f3577b34da6a3ce929d0e0e4736")
        #expect(context.spanID.description == "00f067aa0ba902b7" && context.isSampled)
        #expect(context.traceState == "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE,a@b=1")
        #expect(TraceParent.format(context) == sample)
        let fields = context.propagationFields.map { "\($0.name): \($0.value)" }
        #expect(fields == ["traceparent: \(sample)", "tracestate: rojo=00f067aa0ba902b7,congo=t61rcWkgMzE,a@b=1"])
    }

    @Test(
        "of a later version are read as far as they are known",
        arguments: [
            "01-\(sample.dropFirst(3))", "cc-\(sample.dropFirst(3))-what-the-future-brings",
            "fe-\(sample.dropFirst(3))-",
        ])
    func later(_ text: String) {
        #expect(parse(text).map(TraceParent.format) == sample)
    }

    @Test("other flags are not passed on", arguments: [("00", "00"), ("02", "00"), ("03", "01"), ("ff", "01")])
    func flags(_ given: String, _ sent: String) {
        #expect(parse(sample.dropLast(2) + given).map(TraceParent.format) == sample.dropLast(2) + sent)
    }

    @Test(
        "malformed count as absent",
        arguments: [
            "", "00", "ff-\(sample.dropFirst(3))", "00-\(sample.dropFirst(3))-more", "01-\(sample.dropFirst(3))more",
            "0g-\(sample.dropFirst(3))", sample.uppercased(), " \(sample)", "\(sample) ", "\(sample),\(sample)",
            String(sample.dropLast()),
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0G",
            "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
            "00-4bf92f3577b34da6a3ce929d0e0e47g6-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-000f067aa0ba902b7-01",
        ])
    func malformed(_ text: String) {
        #expect(parse(text) == nil)
    }

    @Test(
        "a malformed state is dropped whole, and the trace goes on",
        arguments: [
            ["a"], ["A=1"], ["a=1,a=2"], ["a=1", "a=2"], ["a="], ["=1"], ["a=b=c"], ["a@=1"], ["a@b@c=1"],
            ["a=\u{7F}"], ["a=é"], [(0..<33).map { "k\($0)=1" }.joined(separator: ",")],
            ["k=" + String(repeating: "v", count: 257)], [String(repeating: "k", count: 257) + "=v"],
        ])
    func state(_ states: [String]) throws {
        let context = try #require(parse(sample, states))
        #expect(context.traceState == nil)
    }

    @Test("a state is cut between members to what is kept")
    func longState() throws {
        let member = { (index: Int) in "k\(index)=" + String(repeating: "v", count: 100) }
        let context = try #require(parse(sample, [(0..<10).map(member).joined(separator: ",")]))
        #expect(context.traceState == (0..<4).map(member).joined(separator: ","))
    }
}

/// Keeps spans for tests to read.
private final class MemoryRecorder: SpanRecorder {
    let spans = Mutex<[FinishedSpan]>([])
    let isFull = Mutex(false)

    func hasRoom() -> Bool { !isFull.withLock { $0 } }
    func record(_ span: FinishedSpan) { spans.withLock { $0.append(span) } }
}

@Suite("Tracing")
struct TracerTests {
    private struct Failure: Error {}

    private let remote = SpanContext(traceID: TraceID(high: 1, low: 2)!, spanID: SpanID(3)!, isSampled: true)

    @Test("continues a caller's trace with spans below each other")
    func nesting() async throws {
        let recorder = MemoryRecorder()
        let time = Mutex(100)
        let tracer = Tracer(
            recorder: recorder, ratio: 0,
            now: {
                time.withLock {
                    $0 += 1; return $0
                }
            })
        let context = tracer.context(continuing: remote, requestID: "r1")
        await ServiceContext.$current.withValue(context) {
            await tracer.withSpan("outer") { outer in
                outer.setAttribute("n", 1)
                await tracer.withSpan("inner", ofKind: .client) { inner in
                    #expect(ServiceContext.current?.spanContext?.spanID == inner.context.spanContext?.spanID)
                    #expect(ServiceContext.current?.metadata["request_id"] == "r1")
                }
            }
        }
        let server = tracer.serverSpan("server", context: context, parent: remote, startedAgo: 10)
        server?.end()
        server?.end()
        let spans = recorder.spans.withLock { $0 }
        #expect(spans.map(\.name) == ["inner", "outer", "server"])
        #expect(spans.map(\.kind) == [.client, .internal, .server])
        #expect(spans.allSatisfy { $0.context.traceID == remote.traceID && $0.startTime < $0.endTime })
        #expect(spans[0].parent == spans[1].context.spanID && spans[1].parent == spans[2].context.spanID)
        #expect(spans[2].parent == remote.spanID && spans[1].attributes.map(\.key) == ["n"])
    }

    @Test("marks what fails by its kind and never by its text")
    func failure() async {
        let recorder = MemoryRecorder()
        let tracer = Tracer(recorder: recorder, now: { 0 })
        await #expect(throws: Failure.self) {
            try await tracer.withSpan("work") { _ in throw Failure() }
        }
        let span = recorder.spans.withLock { $0.first }
        #expect(span?.status == SpanStatus(code: .error))
        #expect(span?.attributes.first?.value == "Failure")
    }

    @Test("follows the caller's decision", arguments: [true, false])
    func callerDecides(_ isSampled: Bool) {
        let recorder = MemoryRecorder()
        let tracer = Tracer(recorder: recorder, ratio: isSampled ? 0 : 1, now: { 0 })
        let parent = SpanContext(traceID: remote.traceID, spanID: remote.spanID, isSampled: isSampled)
        tracer.startSpan("x", context: ServiceContext(spanContext: parent)).end()
        #expect(recorder.spans.withLock { $0.count } == (isSampled ? 1 : 0))
    }

    @Test("samples about the share that is asked for", arguments: [0, 0.1, 0.5, 1])
    func ratio(_ ratio: Double) {
        let tracer = Tracer(recorder: MemoryRecorder(), ratio: ratio, now: { 0 })
        let contexts = (0..<20_000).map { _ in tracer.context(continuing: nil, requestID: nil) }
        let share = Double(contexts.count { $0.spanContext?.isSampled == true }) / 20_000
        #expect(abs(share - ratio) < 0.02)
        #expect(Set(contexts.compactMap { $0.spanContext?.traceID }).count == 20_000)
        #expect(Set(contexts.compactMap { $0.spanContext?.spanID }).count == 20_000)
    }

    @Test("without a recorder passes on what the caller decided and starts nothing of its own")
    func propagationOnly() {
        let tracer = Tracer(recorder: nil, now: { 0 })
        #expect(tracer.context(continuing: remote, requestID: nil).spanContext?.isSampled == true)
        #expect(tracer.context(continuing: nil, requestID: nil).spanContext?.isSampled == false)
        #expect(!tracer.startSpan("x", context: ServiceContext(spanContext: remote)).isRecording)
    }

    @Test("keeps as many spans as there is room for and counts the rest")
    func queue() {
        let registry = PrometheusRegistry()
        let queue = SpanQueue(capacity: 3, dropped: Counter(label: "dropped_total", factory: registry))
        let tracer = Tracer(recorder: queue, now: { 0 })
        let open = (0..<5).map { tracer.startSpan("s\($0)", context: ServiceContext()) }
        for span in open { span.end() }
        #expect(!tracer.startSpan("late", context: ServiceContext()).isRecording)
        #expect(queue.waitingCount == 3 && queue.take(max: 2).map(\.name) == ["s0", "s1"])
        #expect(queue.take(max: 2).map(\.name) == ["s2"] && queue.take(max: 2).isEmpty)
        #expect(String(decoding: registry.exposition(), as: UTF8.self).contains("dropped_total 3"))
    }
}

@Suite("Lines of the log")
struct MetadataProviderTests {
    @Test("say which request and trace they are for")
    func provider() throws {
        let sink = InMemoryLogSink()
        var handler = JSONLogHandler(sink: sink, level: .info, now: { 0 })
        handler.metadataProvider = .serviceContext
        let logger = Logger(label: "test", handler: handler)
        let span = SpanContext(traceID: TraceID(high: 0, low: 255)!, spanID: SpanID(1)!, isSampled: false)
        ServiceContext.$current.withValue(ServiceContext(requestID: "r1", spanContext: span)) {
            logger.info("within")
            logger.info("own wins", metadata: ["request_id": "r2"])
        }
        logger.info("without")
        #expect(sink.lines[0].contains(#""request_id":"r1","trace_id":"000000000000000000000000000000ff"}"#))
        #expect(sink.lines[1].contains(#""request_id":"r2""#) && !sink.lines[1].contains("r1"))
        #expect(!sink.lines[2].contains("request_id"))
    }
}
