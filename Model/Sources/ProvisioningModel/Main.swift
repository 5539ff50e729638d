import Glibc

/// Explores every scenario with the shipped value and says what held. The status is 1 when an invariant broke, or when a rule
/// was taken away and none broke: a model that cannot fail proves nothing.
@main
struct Main {
    private struct Report: Sendable {
        var text = ""
        var isGood = true
    }

    static func main() async {
        let only = CommandLine.arguments.dropFirst().first
        let sound = Scenarios.sound.filter { only == nil || $0.name.contains(only ?? "") }
        let clock = ContinuousClock()
        let began = clock.now
        var areGood = true
        print("Scenario | worlds | at rest | states of a call | result | explored | time")
        areGood = await explore(sound, report: whole) && areGood
        print("\nWhat stays open | worlds | broken | steps of the shortest trace")
        let open = Scenarios.open.filter { only == nil || $0.name.contains(only ?? "") }
        areGood = await explore(open, report: taken) && areGood
        print("\nRule taken away | worlds | broken | steps of the shortest trace")
        let broken = Scenarios.broken.filter { only == nil || $0.without?.rawValue.contains(only ?? "") == true }
        areGood = await explore(broken, report: taken) && areGood
        print("\nLife of a key | worlds | at rest | result | explored | time")
        let lives = LifeScenarios.sound.filter { only == nil || $0.name.contains(only ?? "") }
        areGood = await explore(lives, report: whole) && areGood
        print("\nWhat stays open of the life of a key | worlds | broken | steps of the shortest trace")
        let openLives = LifeScenarios.open.filter { only == nil || $0.name.contains(only ?? "") }
        areGood = await explore(openLives, report: taken) && areGood
        print("\nRule of the life of a key taken away | worlds | broken | steps of the shortest trace")
        let brokenLives = LifeScenarios.broken.filter {
            only == nil || $0.without?.rawValue.contains(only ?? "") == true
        }
        areGood = await explore(brokenLives, report: taken) && areGood
        print("\n\(areGood ? "As expected" : "NOT as expected"), in \(seconds(clock.now - began)) s.")
        exit(areGood ? 0 : 1)
    }

    /// Two at a time, told in order.
    private static func explore<Explored: Sendable>(
        _ scenarios: [Explored], report: @escaping @Sendable (Explored) -> Report
    ) async -> Bool {
        let reports = await withTaskGroup(of: (Int, Report).self) { group in
            var reports: [Int: Report] = [:]
            for (index, scenario) in scenarios.enumerated() {
                if index >= 2, let (done, report) = await group.next() { reports[done] = report }
                group.addTask { (index, report(scenario)) }
            }
            for await (done, report) in group { reports[done] = report }
            return reports
        }
        for index in scenarios.indices { print(reports[index]?.text ?? "") }
        fflush(nil)
        return reports.values.allSatisfy(\.isGood)
    }

    private static func whole(_ scenario: Scenario) -> Report {
        let clock = ContinuousClock()
        let began = clock.now
        let search = Search(scenario)
        let outcome = search.run()
        var report = Report()
        let start = scenario.start
        report.text =
            "\(scenario.name) (lost \(start.losses), deaths \(start.deaths), late \(start.delays)) | \(outcome.worlds) | "
            + "\(outcome.rests) | \(outcome.nodes) | \(outcome.broken.map { "BROKEN: \($0.rawValue)" } ?? "holds")"
            + " | \(outcome.isComplete ? "whole" : "the nearest \(outcome.depth) steps")"
            + "\(outcome.cut > 0 ? ", no more than \(scenario.rowsMax) ids (\(outcome.cut) steps cut)" : "") | "
            + "\(seconds(clock.now - began)) s"
        if outcome.broken != nil {
            report.isGood = false
            report.text += Trace(search, outcome).text
        }
        return report
    }

    private static func whole(_ scenario: LifeScenario) -> Report {
        let clock = ContinuousClock()
        let began = clock.now
        let outcome = LifeSearch(scenario).run()
        var report = Report()
        let start = scenario.start
        report.text =
            "\(scenario.name) (lost \(start.losses), deaths \(start.deaths), operator \(start.operatorChanges)) | "
            + "\(outcome.worlds) | \(outcome.rests) | \(outcome.broken.map { "BROKEN: \($0.rawValue)" } ?? "holds")"
            + " | \(outcome.isComplete ? "whole" : "the nearest \(outcome.depth) steps") | "
            + "\(seconds(clock.now - began)) s"
        if outcome.broken != nil || !outcome.isComplete {
            report.isGood = false
            report.text += words(outcome, scenario)
        }
        return report
    }

    private static func taken(_ scenario: LifeScenario) -> Report {
        let outcome = LifeSearch(scenario).run()
        var report = Report()
        report.text = "\(scenario.without?.rawValue ?? "known: \(scenario.name)") | \(outcome.worlds) | "
        guard let broken = outcome.broken else {
            report.isGood = false
            report.text += "NOTHING | –"
            return report
        }
        report.text += "\(broken.rawValue) | \(outcome.trace.count)"
        if CommandLine.arguments.count > 1 { report.text += words(outcome, scenario) }
        return report
    }

    private static func words(_ outcome: LifeSearch.Outcome, _ scenario: LifeScenario) -> String {
        outcome.trace.enumerated().map { "\n    \($0 + 1). \($1.words(scenario.operations))" }.joined()
    }

    /// To one digit.
    private static func seconds(_ duration: Duration) -> String {
        let tenths = duration.components.seconds * 10 + duration.components.attoseconds / 100_000_000_000_000_000
        return "\(tenths / 10).\(tenths % 10)"
    }

    private static func taken(_ scenario: Scenario) -> Report {
        let search = Search(scenario)
        let outcome = search.run()
        var report = Report()
        report.text = "\(scenario.without?.rawValue ?? scenario.name) | \(outcome.worlds) | "
        guard let broken = outcome.broken else {
            report.isGood = false
            report.text += "NOTHING | –"
            return report
        }
        report.text += "\(broken.rawValue) | \(outcome.trace.count)"
        if scenario.without == .confirmation || CommandLine.arguments.count > 1 {
            report.text += Trace(search, outcome).text
        }
        return report
    }
}

/// The steps to a world, in words.
struct Trace {
    private(set) var text = ""

    init(_ search: Search, _ outcome: Search.Outcome) {
        for (number, label) in outcome.trace.enumerated() {
            text += "\n    \(number + 1). \(Self.words(label, search.machine.automaton))"
        }
    }

    private static func words(_ label: Label, _ automaton: Automaton) -> String {
        if label.verb == .time { return "half a second passes" }
        let caller = ["A", "B", "C", "D"][Int(label.call)]
        let request = automaton.request(numbered: label.request)
        return switch label.verb {
        case .does: "\(caller): \(request)"
        case .isGivenAnID: "\(caller): \(request) is checked, id \(label.id)"
        case .commits: "\(caller): \(request) commits, id \(label.id)"
        case .isRefused: "\(caller): \(request) is refused"
        case .losesTheAnswer: "\(caller): \(request) has an unknown outcome\(label.id == 1 ? ", and goes on" : "")"
        case .isLate: "\(caller): \(request), whose answer is late"
        case .dies: "\(caller) dies at \(request)\(label.id == 1 ? ", which goes on" : "")"
        case .hears: "\(caller) hears of \(request)"
        case .lateCheck: "\(caller): late, \(request) is checked"
        case .lateCommit: "\(caller): late, \(request) commits"
        case .time: ""
        }
    }
}
