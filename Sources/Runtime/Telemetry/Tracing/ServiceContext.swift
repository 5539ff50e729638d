/// What travels with a piece of work through every call it makes, spelled as swift-service-context's: which request it is
/// for, and where in which trace.
package struct ServiceContext: Sendable {
    /// The running task's; nil for work outside a request.
    @TaskLocal package static var current: ServiceContext?

    /// The request's name in logs and answers.
    package var requestID: (any CustomStringConvertible & Sendable)?
    package var spanContext: SpanContext?
    /// Who asked for the work, once that is known.
    package var user: String?

    package init(requestID: (any CustomStringConvertible & Sendable)? = nil, spanContext: SpanContext? = nil) {
        self.requestID = requestID
        self.spanContext = spanContext
    }

    /// What every line of the log says about the work that wrote it.
    package var metadata: Logger.Metadata {
        var metadata: Logger.Metadata = [:]
        if let user { metadata[LogKey.user] = .string(user) }
        if let requestID { metadata[LogKey.requestID] = .string(requestID.description) }
        if let spanContext { metadata[LogKey.traceID] = .string(spanContext.traceID.description) }
        return metadata
    }
}

extension Logger.MetadataProvider {
    /// The running task's request and trace.
    package static let serviceContext = Logger.MetadataProvider { ServiceContext.current?.metadata ?? [:] }
}
