import Glibc

/// Explores every scenario and says what held. The status is 1 when something broke that must hold, or held that must
/// break: a model that cannot fail proves nothing.
@main
struct Main {
    static func main() {
        var failures = 0
        let limit = 40_000_000
        print("Everything holds:")
        for scenario in Scenarios.sound {
            let clock = ContinuousClock()
            var outcome = Search.Outcome()
            let took = clock.measure { outcome = Search(scenario).run(limit: limit, stopsEarly: false) }
            let isGood = outcome.broken.isEmpty && outcome.isComplete
            if !isGood { failures += 1 }
            print("  \(isGood ? "ok  " : "FAIL") \(scenario.name): \(outcome.worlds) worlds, \(took)")
            if !outcome.isComplete { print("       not all of them: the limit was reached") }
            for (invariant, _) in outcome.broken {
                print("       broken: \(invariant.rawValue)")
                explain(Search(scenario).run(limit: limit, stopsEarly: true))
            }
        }
        print("Each rule taken away breaks something:")
        for (rule, template, expected) in Scenarios.broken {
            var scenario = template
            scenario.rules.remove(rule)
            let outcome = Search(scenario).run(limit: limit, stopsEarly: false)
            let broken = Set(outcome.broken.keys)
            let isGood = expected.isSubset(of: broken)
            if !isGood { failures += 1 }
            let names = broken.map(\.rawValue).sorted().joined(separator: "; ")
            print(
                "  \(isGood ? "ok  " : "FAIL") without '\(rule.rawValue)': \(names.isEmpty ? "nothing breaks" : names)")
        }
        print("The window that stays open:")
        let outcome = Search(Scenarios.open).run(limit: limit, stopsEarly: false)
        let isGood = outcome.broken[.kept] != nil
        if !isGood { failures += 1 }
        print(
            "  \(isGood ? "ok  " : "FAIL") \(Scenarios.open.name): "
                + outcome.broken.keys.map(\.rawValue).sorted().joined(separator: "; "))
        print(failures == 0 ? "Every expectation of the earlier rules holds." : "\(failures) expectations failed.")
        if failures > 0 { exit(1) }
    }

    private static func explain(_ outcome: Search.Outcome) {
        guard let (invariant, path) = outcome.broken.first else { return }
        print("       how: \(invariant.rawValue)")
        for world in path {
            print(
                "         \(world.calls.map { "\($0.step)" }) accounts \(world.accounts) apps "
                    + "\(world.apps.map { "\($0.id)@\($0.account)\($0.deleted ? " deleted" : "")" }) pending \(world.pending.count)"
            )
        }
    }
}
