/// A number that only grows, spelled as swift-metrics'. Made once, kept, and cheap to increment from any thread.
package final class Counter: Sendable {
    private let handler: any CounterHandler

    /// - Parameters:
    ///   - label: the metric's name, `snake_case` with its unit last.
    ///   - dimensions: label pairs with values of a closed set.
    package init(label: String, dimensions: [(String, String)] = [], factory: any MetricsFactory) {
        handler = factory.makeCounter(label: label, dimensions: dimensions)
    }

    package func increment(by amount: Int64 = 1) { handler.increment(by: amount) }
}

/// A number that goes up and down.
package final class Gauge: Sendable {
    private let handler: any GaugeHandler

    package init(label: String, dimensions: [(String, String)] = [], factory: any MetricsFactory) {
        handler = factory.makeGauge(label: label, dimensions: dimensions)
    }

    package func record(_ value: Double) { handler.record(value) }
}

/// A distribution of durations.
package final class Timer: Sendable {
    private let handler: any TimerHandler

    package init(label: String, dimensions: [(String, String)] = [], factory: any MetricsFactory) {
        handler = factory.makeTimer(label: label, dimensions: dimensions)
    }

    /// - Parameter duration: nanoseconds, at least 0.
    package func recordNanoseconds(_ duration: Int64) { handler.recordNanoseconds(duration) }
}

package protocol CounterHandler: Sendable {
    func increment(by amount: Int64)
}

package protocol GaugeHandler: Sendable {
    func record(_ value: Double)
}

package protocol TimerHandler: Sendable {
    func recordNanoseconds(_ duration: Int64)
}

/// Makes the handlers behind metrics. The same label and dimensions give the same time series.
package protocol MetricsFactory: Sendable {
    func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler
    func makeGauge(label: String, dimensions: [(String, String)]) -> any GaugeHandler
    func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler
}
