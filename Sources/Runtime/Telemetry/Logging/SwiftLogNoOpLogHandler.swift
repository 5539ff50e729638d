/// Drops every event; named as in swift-log.
package struct SwiftLogNoOpLogHandler: LogHandler {
    package var logLevel: Logger.Level = .critical
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?

    package init() {}

    package func log(event: LogEvent) {}
}
