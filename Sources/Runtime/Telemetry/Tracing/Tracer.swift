/// Starts spans and decides which are recorded. Passed to the parts that trace; there is no global one.
///
/// A caller's decision is followed; a trace that starts here is sampled by its id. Without a recorder nothing is recorded,
/// yet traces are continued, since others may record theirs.
package final class Tracer: Sendable {
    let now: @Sendable () -> Int
    private let recorder: (any SpanRecorder)?
    private let identifiers: IdentifierSource
    /// Trace ids whose low half, less one bit, is below it are sampled.
    private let threshold: UInt64

    /// - Parameters:
    ///   - recorder: takes the spans that have ended; nil records none.
    ///   - ratio: the share of traces starting here that is sampled, 0...1.
    ///   - threads: how many start spans at once.
    ///   - now: nanoseconds since 1970-01-01T00:00:00Z.
    package init(
        recorder: (any SpanRecorder)?, ratio: Double = 1, threads: Int = 4, now: @escaping @Sendable () -> Int
    ) {
        self.recorder = recorder
        self.now = now
        identifiers = IdentifierSource(threads: threads)
        threshold = ratio >= 1 ? .max : ratio > 0 ? UInt64(ratio * 0x1p63) : 0
    }

    /// The context of a request: a span of its own in the caller's trace, or in a new one.
    package func context(
        continuing remote: SpanContext?, requestID: (any CustomStringConvertible & Sendable)?
    ) -> ServiceContext {
        ServiceContext(requestID: requestID, spanContext: child(of: remote))
    }

    /// The span of a request whose context was made by `context(continuing:requestID:)`; nil when it is not recorded.
    /// - Parameters:
    ///   - operationName: made only when it is.
    ///   - startedAgo: nanoseconds since the request began.
    package func serverSpan(
        _ operationName: @autoclosure () -> String, context: ServiceContext, parent: SpanContext?, startedAgo: Int
    ) -> TraceSpan? {
        guard context.spanContext?.isSampled == true, recorder?.hasRoom() == true else { return nil }
        return TraceSpan(
            operationName(), context: context, kind: .server, parent: parent?.spanID, isRecording: true,
            startTime: now() - startedAgo, tracer: self)
    }

    /// Begins a span below the one in `context`. Its starter ends it.
    package func startSpan(_ operationName: String, context: ServiceContext, ofKind kind: SpanKind = .internal)
        -> TraceSpan
    {
        var inner = context
        let spanContext = child(of: context.spanContext)
        inner.spanContext = spanContext
        return TraceSpan(
            operationName, context: inner, kind: kind, parent: context.spanContext?.spanID,
            isRecording: spanContext.isSampled && recorder?.hasRoom() == true, startTime: now(), tracer: self)
    }

    /// Does the work inside a span that ends with it; what is thrown marks the span as failed.
    package func withSpan<Result, Failure: Error>(
        _ operationName: String, context: ServiceContext? = nil, ofKind kind: SpanKind = .internal,
        _ operation: (TraceSpan) async throws(Failure) -> Result
    ) async throws(Failure) -> Result {
        let span = startSpan(operationName, context: context ?? .current ?? ServiceContext(), ofKind: kind)
        defer { span.end() }
        let outcome: Swift.Result<Result, Failure> = await ServiceContext.$current.withValue(span.context) {
            do throws(Failure) { return .success(try await operation(span)) } catch {
                span.recordError(error)
                return .failure(error)
            }
        }
        return try outcome.get()
    }

    func record(_ span: FinishedSpan) { recorder?.record(span) }

    private func child(of parent: SpanContext?) -> SpanContext {
        if let parent {
            return SpanContext(
                traceID: parent.traceID, spanID: identifiers.spanID(), isSampled: parent.isSampled,
                traceState: parent.traceState)
        }
        let (trace, span) = identifiers.trace()
        return SpanContext(
            traceID: trace, spanID: span, isSampled: recorder != nil && trace.low >> 1 < threshold)
    }
}

/// Takes spans that have ended. Never blocks; called from any thread.
package protocol SpanRecorder: Sendable {
    /// Whether a span that starts now has a chance to be kept; one that has none is not recorded at all.
    func hasRoom() -> Bool
    func record(_ span: FinishedSpan)
}
