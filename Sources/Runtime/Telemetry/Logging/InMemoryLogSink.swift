import Synchronization

/// Keeps lines for tests to read.
package final class InMemoryLogSink: LogSink {
    private let stored = Mutex<[String]>([])

    package init() {}

    package func write(_ line: [UInt8]) {
        let text = String(decoding: line.dropLast(), as: UTF8.self)
        stored.withLock { $0.append(text) }
    }

    /// The lines so far, without their line feeds.
    package var lines: [String] { stored.withLock { $0 } }
}
