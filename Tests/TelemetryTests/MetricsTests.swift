import Telemetry
import Testing

@Suite("Metrics")
struct MetricsTests {
    private func lines(_ registry: PrometheusRegistry) -> [String] {
        String(decoding: registry.exposition(), as: UTF8.self).split(separator: "\n").map(String.init)
    }

    @Test("are exposed with help, type and sorted series")
    func exposition() {
        let registry = PrometheusRegistry(descriptions: ["b_total": .init(help: "Line\none \\ \"two\".")])
        Counter(label: "b_total", dimensions: [("x", "2")], factory: registry).increment()
        Counter(label: "b_total", dimensions: [("x", "1\"\\\n")], factory: registry).increment(by: 41)
        registry.collect {
            [
                .init("a", .gauge, 2), .init("c_ratio", .gauge, 0.25),
                .init("d_bytes", .gauge, labels: [("k", "v")], 1e20),
            ]
        }
        #expect(
            lines(registry) == [
                "# TYPE a gauge", "a 2", #"# HELP b_total Line\none \\ "two"."#, "# TYPE b_total counter",
                #"b_total{x="1\"\\\n"} 41"#, #"b_total{x="2"} 1"#, "# TYPE c_ratio gauge", "c_ratio 0.25",
                "# TYPE d_bytes gauge", #"d_bytes{k="v"} 1e+20"#,
            ])
    }

    @Test("of one name and labels are one series")
    func sameSeries() {
        let registry = PrometheusRegistry()
        for _ in 0..<3 { Counter(label: "n_total", dimensions: [("x", "1")], factory: registry).increment() }
        #expect(lines(registry) == ["# TYPE n_total counter", #"n_total{x="1"} 3"#])
    }

    @Test("count durations at and between their bounds, and sum them")
    func histogram() {
        let registry = PrometheusRegistry(descriptions: ["t_seconds": .init(help: "h", buckets: [0.001, 0.01])])
        let timer = Timer(label: "t_seconds", factory: registry)
        for nanoseconds: Int64 in [-5, 0, 1_000_000, 1_000_001, 10_000_000, 10_000_001] {
            timer.recordNanoseconds(nanoseconds)
        }
        timer.record(duration: .seconds(2))
        #expect(
            lines(registry).dropFirst(2) == [
                #"t_seconds_bucket{le="0.001"} 3"#, #"t_seconds_bucket{le="0.01"} 5"#,
                #"t_seconds_bucket{le="+Inf"} 7"#, "t_seconds_sum 2.022000002", "t_seconds_count 7",
            ])
    }

    @Test("lose no count whichever threads count", arguments: [1, 2, 7, 64])
    func threads(_ threads: Int) async {
        let registry = PrometheusRegistry(threads: threads)
        let counter = Counter(label: "n_total", factory: registry)
        let timer = Timer(label: "t_seconds", factory: registry)
        await withTaskGroup(of: Void.self) { tasks in
            for _ in 0..<8 {
                tasks.addTask {
                    for _ in 0..<10_000 {
                        counter.increment()
                        timer.recordNanoseconds(1_000_000_000)
                    }
                }
            }
        }
        #expect(lines(registry).contains("n_total 80000"))
        #expect(lines(registry).contains("t_seconds_count 80000") && lines(registry).contains("t_seconds_sum 80000"))
    }

    @Test("beyond their bound are refused and counted, and what is there goes on")
    func cardinality() {
        let registry = PrometheusRegistry(descriptions: ["n_total": .init(help: "h", seriesMax: 3)])
        let counters = (0..<1_000).map {
            Counter(label: "n_total", dimensions: [("x", String($0))], factory: registry)
        }
        for counter in counters { counter.increment() }
        #expect(registry.refusedSeries == 997)
        #expect(lines(registry).filter { $0.hasPrefix("n_total") } == (0..<3).map { "n_total{x=\"\($0)\"} 1" })
    }

    @Test("that contradict what is there are refused, not trapped")
    func contradictions() {
        let registry = PrometheusRegistry()
        Counter(label: "n_total", dimensions: [("x", "1")], factory: registry).increment()
        Timer(label: "n_total", dimensions: [("x", "1")], factory: registry).recordNanoseconds(9)
        Counter(label: "n_total", dimensions: [("y", "1")], factory: registry).increment()
        Counter(label: "not a name", factory: registry).increment()
        Counter(label: "9n", factory: registry).increment()
        Counter(label: "m_total", dimensions: [("x", "1"), ("x", "2")], factory: registry).increment()
        #expect(registry.refusedSeries == 5)
        #expect(lines(registry) == ["# TYPE n_total counter", #"n_total{x="1"} 1"#])
    }
}
