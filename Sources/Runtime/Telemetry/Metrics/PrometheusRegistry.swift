import Synchronization

/// Metrics in memory and their Prometheus text exposition (format 0.0.4), behind the interface of swift-metrics, so that
/// swift-prometheus can take its place. Recording is lock-free; making a metric and scraping take a lock.
package final class PrometheusRegistry: MetricsFactory {
    /// What a metric means: the HELP text and, for timers, the upper bounds of its buckets in seconds, ascending.
    package struct Description: Sendable {
        package let help: String
        package let buckets: [Double]

        package init(help: String, buckets: [Double] = PrometheusRegistry.defaultBuckets) {
            self.help = help
            self.buckets = buckets
        }
    }

    package static let defaultBuckets = [
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
    ]

    private enum Series: Sendable {
        case counter(CounterCell)
        case gauge(GaugeCell)
        case histogram(HistogramCell)
    }

    private struct Family: Sendable {
        let type: String
        /// By their rendered labels.
        var series: [String: Series] = [:]
    }

    private struct State: Sendable {
        var families: [String: Family] = [:]
        var collectors: [@Sendable () -> [Sample]] = []
    }

    /// A value that is read at scrape time.
    package struct Sample: Sendable {
        package enum Kind: String, Sendable { case counter, gauge }
        package let name: String
        package let kind: Kind
        package let labels: [(String, String)]
        package let value: Double

        package init(_ name: String, _ kind: Kind, labels: [(String, String)] = [], _ value: Double) {
            self.name = name
            self.kind = kind
            self.labels = labels
            self.value = value
        }
    }

    private let descriptions: [String: Description]
    private let state = Mutex(State())

    /// - Parameter descriptions: one for each metric name that will be used.
    package init(descriptions: [String: Description] = [:]) { self.descriptions = descriptions }

    /// Adds values that are read when somebody scrapes.
    package func collect(_ collector: @escaping @Sendable () -> [Sample]) {
        state.withLock { $0.collectors.append(collector) }
    }

    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        let series = series(label, "counter", dimensions) { .counter(CounterCell()) }
        guard case .counter(let cell) = series else { preconditionFailure("Invalid state: \(label) is not a counter") }
        return cell
    }

    package func makeGauge(label: String, dimensions: [(String, String)]) -> any GaugeHandler {
        let series = series(label, "gauge", dimensions) { .gauge(GaugeCell()) }
        guard case .gauge(let cell) = series else { preconditionFailure("Invalid state: \(label) is not a gauge") }
        return cell
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        let bounds = descriptions[label]?.buckets ?? Self.defaultBuckets
        let series = series(label, "histogram", dimensions) { .histogram(HistogramCell(bounds: bounds)) }
        guard case .histogram(let cell) = series else { preconditionFailure("Invalid state: \(label) is not a timer") }
        return cell
    }

    private func series(
        _ name: String, _ type: String, _ labels: [(String, String)], _ make: () -> Series
    ) -> Series {
        let key = Self.render(labels)
        return state.withLock { state in
            var family = state.families[name] ?? Family(type: type)
            if let known = family.series[key] { return known }
            let made = make()
            family.series[key] = made
            state.families[name] = family
            return made
        }
    }

    // MARK: Exposition

    /// The text of all metrics, sorted by name and labels.
    package func exposition() -> [UInt8] {
        let (families, collectors) = state.withLock { ($0.families, $0.collectors) }
        var blocks: [String: (type: String, lines: [String])] = [:]
        for (name, family) in families {
            let lines = family.series.sorted { $0.key < $1.key }.flatMap { Self.lines(name, $0.key, $0.value) }
            blocks[name] = (family.type, lines)
        }
        for sample in collectors.flatMap({ $0() }) {
            let line = "\(sample.name)\(Self.braced(Self.render(sample.labels))) \(Self.format(sample.value))"
            blocks[sample.name, default: (sample.kind.rawValue, [])].lines.append(line)
        }
        var text = ""
        for (name, block) in blocks.sorted(by: { $0.key < $1.key }) {
            if let help = descriptions[name]?.help { text += "# HELP \(name) \(Self.escape(help, quotes: false))\n" }
            text += "# TYPE \(name) \(block.type)\n"
            for line in block.lines { text += line + "\n" }
        }
        return Array(text.utf8)
    }

    private static func lines(_ name: String, _ labels: String, _ series: Series) -> [String] {
        switch series {
        case .counter(let cell): return ["\(name)\(braced(labels)) \(cell.value)"]
        case .gauge(let cell): return ["\(name)\(braced(labels)) \(format(cell.value))"]
        case .histogram(let cell):
            let (buckets, count, sum) = cell.read()
            let prefix = labels.isEmpty ? "" : labels + ","
            var lines: [String] = []
            for (bound, value) in zip(cell.bounds, buckets) {
                lines.append("\(name)_bucket{\(prefix)le=\"\(format(bound))\"} \(value)")
            }
            lines.append("\(name)_bucket{\(prefix)le=\"+Inf\"} \(count)")
            lines.append("\(name)_sum\(braced(labels)) \(format(sum))")
            lines.append("\(name)_count\(braced(labels)) \(count)")
            return lines
        }
    }

    private static func render(_ labels: [(String, String)]) -> String {
        labels.map { "\($0.0)=\"\(escape($0.1, quotes: true))\"" }.joined(separator: ",")
    }

    private static func braced(_ labels: String) -> String { labels.isEmpty ? "" : "{\(labels)}" }

    private static func escape(_ text: String, quotes: Bool) -> String {
        var escaped = ""
        for character in text {
            switch character {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\"" where quotes: escaped += "\\\""
            default: escaped.append(character)
            }
        }
        return escaped
    }

    private static func format(_ value: Double) -> String {
        if value == .infinity { return "+Inf" }
        if value == -.infinity { return "-Inf" }
        if value.isNaN { return "NaN" }
        if value == value.rounded(), abs(value) < 1e15 { return String(Int64(value)) }
        return "\(value)"
    }
}

private final class CounterCell: CounterHandler {
    private let stored = Atomic<Int64>(0)
    var value: Int64 { stored.load(ordering: .relaxed) }
    func increment(by amount: Int64) { stored.wrappingAdd(amount, ordering: .relaxed) }
}

private final class GaugeCell: GaugeHandler {
    private let bits = Atomic<UInt64>(0)
    var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }
    func record(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }
}

private final class HistogramCell: TimerHandler {
    /// Seconds, ascending.
    let bounds: [Double]
    private let bucketEnds: [Int64]
    private let buckets: [Cell]
    private let nanoseconds = Atomic<Int64>(0)

    /// An atomic has no address of its own in an array.
    private final class Cell: Sendable {
        let count = Atomic<Int64>(0)
    }

    init(bounds: [Double]) {
        self.bounds = bounds
        bucketEnds = bounds.map { Int64(($0 * 1e9).rounded()) }
        buckets = (0...bounds.count).map { _ in Cell() }
    }

    func recordNanoseconds(_ duration: Int64) {
        var index = 0
        while index < bucketEnds.count, duration > bucketEnds[index] { index += 1 }
        buckets[index].count.wrappingAdd(1, ordering: .relaxed)
        nanoseconds.wrappingAdd(duration, ordering: .relaxed)
    }

    /// Cumulative counts per bound, the count of all, and the sum in seconds.
    func read() -> (buckets: [Int64], count: Int64, sum: Double) {
        var total: Int64 = 0
        var cumulative: [Int64] = []
        for cell in buckets {
            total += cell.count.load(ordering: .relaxed)
            cumulative.append(total)
        }
        return (cumulative.dropLast(), total, Double(nanoseconds.load(ordering: .relaxed)) / 1e9)
    }
}
