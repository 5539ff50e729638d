import Bytes

/// A number that only grows, spelled as swift-metrics'. Made once, kept, and cheap to increment from any thread.
package final class Counter: Sendable {
    private let handler: any CounterHandler

    /// - Parameters:
    ///   - label: the metric's name, `snake_case` with its unit last.
    ///   - dimensions: label pairs with values of a closed set, in the same order for every series of the metric.
    package init(label: String, dimensions: [(String, String)] = [], factory: any MetricsFactory) {
        handler = factory.makeCounter(label: label, dimensions: dimensions)
    }

    package func increment(by amount: Int64 = 1) { handler.increment(by: amount) }
}

/// A distribution of durations.
package final class Timer: Sendable {
    private let handler: any TimerHandler

    package init(label: String, dimensions: [(String, String)] = [], factory: any MetricsFactory) {
        handler = factory.makeTimer(label: label, dimensions: dimensions)
    }

    /// - Parameter duration: nanoseconds; less than 0 counts as 0.
    package func recordNanoseconds(_ duration: Int64) { handler.recordNanoseconds(duration) }

    /// Less than 0 counts as 0.
    package func record(duration: Duration) { recordNanoseconds(duration.nanoseconds) }
}

package protocol CounterHandler: Sendable {
    /// - Parameter amount: at least 0.
    func increment(by amount: Int64)
}

package protocol TimerHandler: Sendable {
    func recordNanoseconds(_ duration: Int64)
}

/// Makes the handlers behind metrics. The same label and dimensions give the same time series. Making one may take a
/// lock and allocate, so handles are made at start and kept; recording never does either.
package protocol MetricsFactory: Sendable {
    func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler
    func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler
}
