import Foundation
import HelperCore
import Testing

/// A run blocks its thread: one at a time, giving way after each, so that tests beside it keep their time limits.
@Suite("The life of API keys in simulated time", .serialized)
struct LifeCycleTests {
    /// `MLAAS_LIFE_RUNS` runs from seed `MLAAS_LIFE_SEED` on; the seed of a run that fails is printed.
    @Test("keeps a key that works for each name, whatever the seed")
    func seeds() async {
        let environment = ProcessInfo.processInfo.environment
        let first = environment["MLAAS_LIFE_SEED"].flatMap(UInt64.init) ?? 1
        let runs = environment["MLAAS_LIFE_RUNS"].flatMap(UInt64.init) ?? 150
        var sum = LifeCycleRun.Outcome()
        var bad = 0
        for seed in first..<first + runs {
            await Task.yield()
            let outcome = LifeCycleRun(seed: seed).run()
            sum.answered += outcome.answered
            sum.refused += outcome.refused
            sum.deaths += outcome.deaths
            sum.stopped += outcome.stopped
            sum.retired += outcome.retired
            guard let problem = outcome.problems.first else { continue }
            bad += 1
            if bad <= 20 { Issue.record("MLAAS_LIFE_SEED=\(seed) MLAAS_LIFE_RUNS=1: \(problem)") }
        }
        print(
            "life of keys: \(runs) runs from seed \(first), \(bad) failed: \(sum.answered) calls answered, "
                + "\(sum.refused) refused, \(sum.deaths) deaths, \(sum.stopped) keys stopped, \(sum.retired) of them retired"
        )
        if runs >= 100 { #expect(sum.retired > 0) }
    }

    /// A call dies between two accounts of one name, and leaves what shares its application_id with the key. 3scale refuses to suspend
    /// the key while both are there.
    @Test("ends a key of which a call that died has left a twin")
    func twin() {
        #expect(LifeCycleRun(seed: 1_560).run().problems.isEmpty)
    }

    /// Begins with the seed that was seen to break, so that one run does as long as the use-cases are as they were then.
    @Test("breaks something where a rule of the sweep is taken away", arguments: SweepRule.allCases)
    func isNeeded(_ rule: SweepRule) async {
        var seed = rule.breakingSeed
        var problem: String?
        while problem == nil, seed < rule.breakingSeed + 600 {
            await Task.yield()
            problem = LifeCycleRun(seed: seed, without: rule).run().problems.first
            seed += 1
        }
        print("without \"\(rule.rawValue)\": seed \(seed - 1): \(problem ?? "nothing breaks")")
        #expect(problem != nil)
    }
}
