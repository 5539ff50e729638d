import Telemetry
import Testing

/// The leak sanitizer cannot follow how a registry refers to its series, and has a rule not to mind them
/// (scripts/sanitizers/leak.supp): so it is shown here that they end.
@Suite("A registry and its metrics")
struct MetricsLifetimeTests {
    private struct Entry {
        weak var object: AnyObject?
    }

    /// What a registry is made of, and the registry itself, without keeping any of it.
    private func made(rounds: Int) -> [Entry] {
        let registry = PrometheusRegistry(descriptions: ["t_seconds": .init(help: "h")], threads: 3)
        var entries = [Entry(object: registry)]
        for round in 0..<rounds {
            let labels = [("round", "\(round)")]
            let counter = registry.makeCounter(label: "c_total", dimensions: labels)
            let timer = registry.makeTimer(label: "t_seconds", dimensions: labels)
            counter.increment(by: 1)
            timer.recordNanoseconds(1)
            entries += [Entry(object: counter as AnyObject), Entry(object: timer as AnyObject)]
        }
        registry.collect { [weak registry] in [.init("n", .gauge, registry == nil ? 0 : 1)] }
        #expect(!registry.exposition().isEmpty)
        #expect(entries.allSatisfy { $0.object != nil })
        return entries
    }

    @Test("end when no code refers to them any more")
    func end() {
        for _ in 0..<100 { #expect(made(rounds: 5).allSatisfy { $0.object == nil }) }
    }

    @Test("outlive the registry while some code counts with them, and end then")
    func kept() {
        weak var gone: AnyObject?
        do {
            let timer = Timer(label: "t_seconds", factory: PrometheusRegistry())
            timer.recordNanoseconds(1)
            gone = timer
        }
        #expect(gone == nil)
    }

    @Test("are made once: asking again for the same one makes nothing")
    func once() {
        let registry = PrometheusRegistry()
        let first = registry.makeTimer(label: "t_seconds", dimensions: [("a", "1")]) as AnyObject
        for _ in 0..<1_000 {
            #expect(registry.makeTimer(label: "t_seconds", dimensions: [("a", "1")]) as AnyObject === first)
        }
    }
}
