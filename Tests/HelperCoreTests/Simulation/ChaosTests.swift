import Foundation
import HelperCore
import Testing

@Suite("Chaos")
struct ChaosTests {
    /// `MLAAS_CHAOS_RUNS` runs from seed `MLAAS_CHAOS_SEED` on; the seed of a run that fails is printed.
    @Test("leaves one key for each person and service, whatever the seed")
    func seeds() {
        let environment = ProcessInfo.processInfo.environment
        let first = environment["MLAAS_CHAOS_SEED"].flatMap(UInt64.init) ?? 1
        let runs = environment["MLAAS_CHAOS_RUNS"].flatMap(UInt64.init) ?? 300
        var (answered, refused, deaths, bad) = (0, 0, 0, 0)
        for seed in first..<first + runs {
            let outcome = ChaosRun(seed: seed).run()
            answered += outcome.answered
            refused += outcome.refused
            deaths += outcome.deaths
            for problem in outcome.problems {
                bad += 1
                if bad <= 20 { Issue.record("MLAAS_CHAOS_SEED=\(seed) MLAAS_CHAOS_RUNS=1: \(problem)") }
            }
        }
        print(
            "chaos: \(runs) runs from seed \(first): \(answered) keys answered, \(refused) calls refused, \(deaths) deaths"
        )
        #expect(answered > refused / 10)
    }
}
