/// Bounds the lines of each kind in each second, so that no stranger sets the pace of the log. Lines beyond that are summed up
/// by `summarise`: one line of the kind with `suppressed`.
package struct PacedLogHandler: LogHandler {
    private var inner: any LogHandler
    private let pacer: LogPacer

    /// - Parameter inner: writes the lines that are let through, and the sums.
    package init(_ inner: any LogHandler, pacer: LogPacer) {
        self.inner = inner
        self.pacer = pacer
    }

    package var logLevel: Logger.Level {
        get { inner.logLevel }
        set { inner.logLevel = newValue }
    }

    package var metadata: Logger.Metadata {
        get { inner.metadata }
        set { inner.metadata = newValue }
    }

    package var metadataProvider: Logger.MetadataProvider? {
        get { inner.metadataProvider }
        set { inner.metadataProvider = newValue }
    }

    package func log(event: LogEvent) { if pacer.admits(event) { inner.log(event: event) } }

    /// Writes the sums of the seconds that are over. Called every second, outside any request.
    package func summarise() { for event in pacer.takeSums(isLast: false) { inner.log(event: event) } }

    /// Writes the sums of what was left out so far: for the end of a process.
    package func summariseAll() { for event in pacer.takeSums(isLast: true) { inner.log(event: event) } }
}
