import Synchronization

/// Metrics in memory and their Prometheus text exposition, behind the interface of swift-metrics, so that
/// swift-prometheus can take its place.
///
/// Making a metric and scraping take a lock; recording takes none. A metric has at most so many series: label values that
/// turn out not to be a closed set cost a bounded amount of memory and are counted in `refusedSeries`.
package final class PrometheusRegistry: MetricsFactory {
    /// What a metric means.
    package struct Description: Sendable {
        /// The HELP text.
        package let help: String
        /// For distributions: the upper bounds of the buckets, in seconds for timers; ascending, at most 24.
        package let buckets: [Double]
        /// Label sets beyond it are refused.
        package let seriesMax: Int

        package init(help: String, buckets: [Double] = PrometheusRegistry.defaultBuckets, seriesMax: Int = 200) {
            self.help = help
            self.buckets = buckets
            self.seriesMax = seriesMax
        }
    }

    /// Seconds: from an answer out of memory to one that waited for its deadline.
    package static let defaultBuckets = [
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
    ]

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

    private struct Family: Sendable {
        let type: String
        let labelNames: [String]
        /// By their rendered labels.
        var series: [[UInt8]: PrometheusSeries] = [:]
    }

    private struct State: Sendable {
        var families: [String: Family] = [:]
        var collectors: [@Sendable () -> [Sample]] = []
    }

    private let descriptions: [String: Description]
    private let stripes: Stripes
    private let state = Mutex(State())
    private let refused = Atomic<Int>(0)

    /// - Parameters:
    ///   - descriptions: one for each metric name that will be used.
    ///   - threads: how many record at once, for example the number of loops.
    package init(descriptions: [String: Description] = [:], threads: Int = 4) {
        self.descriptions = descriptions
        stripes = Stripes(threads: threads)
    }

    /// Adds values that are read at a scrape; called on the scraping thread, so they must be at hand.
    package func collect(_ collector: @escaping @Sendable () -> [Sample]) {
        state.withLock { $0.collectors.append(collector) }
    }

    /// How often a series was asked for and refused: beyond its metric's bound, under a malformed name, or with another
    /// type or other label names than its metric has. More than 0 is a defect of ours; what it would have counted is lost.
    package var refusedSeries: Int { refused.load(ordering: .relaxed) }

    // MARK: Making

    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        let made = series(label, "counter", dimensions) { .sum($0, StripedSum(stripes)) }
        guard case .sum(_, let cell)? = made else { return Discarded() }
        return cell
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        let bounds = descriptions[label]?.buckets ?? Self.defaultBuckets
        let made = series(label, "histogram", dimensions) { text in
            let cell = StripedHistogram(bounds: bounds, stripes)
            return .histogram(PrometheusText.HistogramLines(label, text, bounds), cell)
        }
        guard case .histogram(_, let cell)? = made else { return Discarded() }
        return cell
    }

    /// The series of that name and those labels, made when it is new; nil when it is refused.
    private func series(
        _ name: String, _ type: String, _ labels: [(String, String)], _ make: ([UInt8]) -> PrometheusSeries
    ) -> PrometheusSeries? {
        let names = labels.map(\.0)
        guard PrometheusText.isName(name), names.allSatisfy(PrometheusText.isName), names.count == Set(names).count
        else { return refuse() }
        let text = PrometheusText.labels(labels)
        let bound = descriptions[name]?.seriesMax ?? 200
        return state.withLock { state in
            var family = state.families[name] ?? Family(type: type, labelNames: names)
            guard family.type == type, family.labelNames == names else { return refuse() }
            if let known = family.series[text] { return known }
            guard family.series.count < bound else { return refuse() }
            let made = make(text)
            family.series[text] = made
            state.families[name] = family
            return made
        }
    }

    private func refuse() -> PrometheusSeries? {
        refused.wrappingAdd(1, ordering: .relaxed)
        return nil
    }

    // MARK: Reading

    /// The text of all metrics (exposition format 0.0.4), sorted by name and labels.
    package func exposition() -> [UInt8] {
        let (families, collectors) = state.withLock { ($0.families, $0.collectors) }
        var blocks: [String: (type: String, text: [UInt8])] = [:]
        for (name, family) in families {
            var text: [UInt8] = []
            let series = family.series.sorted { $0.key.lexicographicallyPrecedes($1.key) }
            for (_, series) in series { series.append(name: name, to: &text) }
            blocks[name] = (family.type, text)
        }
        for sample in collectors.flatMap({ $0() }) {
            PrometheusText.append(
                sample.value, of: sample.name, PrometheusText.labels(sample.labels),
                to: &blocks[sample.name, default: (sample.kind.rawValue, [])].text)
        }
        var text: [UInt8] = []
        text.reserveCapacity(blocks.values.reduce(0) { $0 + $1.text.count + 256 })
        for (name, block) in blocks.sorted(by: { $0.key < $1.key }) {
            PrometheusText.appendHead(name, help: descriptions[name]?.help, type: block.type, to: &text)
            text.append(contentsOf: block.text)
        }
        return text
    }
}

/// One time series: where its value is, and the labels of its lines.
enum PrometheusSeries: Sendable {
    case sum([UInt8], StripedSum)
    case histogram(PrometheusText.HistogramLines, StripedHistogram)

    func append(name: String, to text: inout [UInt8]) {
        switch self {
        case .sum(let labels, let cell): PrometheusText.append(cell.value, of: name, labels, to: &text)
        case .histogram(let lines, let cell): lines.append(cell.read(), to: &text)
        }
    }
}
