/// How a trace tells a step.
struct LifeLabel {
    enum Verb: UInt8 {
        case lists, does, losesAnswer, losesRequest, isLate, dies, diesLate, arrivesLate
        case operatorSuspends, operatorResumes, operatorApproves, personEdits, momentPasses, dayPasses
    }
    let verb: Verb
    /// The act, or what the operator changes.
    let index: UInt8
    let request: LifeRequest?

    init(_ verb: Verb, _ index: UInt8, _ request: LifeRequest? = nil) {
        self.verb = verb
        self.index = index
        self.request = request
    }

    func words(_ operations: [LifeOperation]) -> String {
        let act = Int(index) < operations.count ? "\(operations[Int(index)])" : ""
        let what = request.map { "\($0)" } ?? ""
        return switch verb {
        case .lists: "\(act) lists the account"
        case .does: "\(act): \(what)"
        case .losesAnswer: "\(act): \(what), whose answer is lost"
        case .losesRequest: "\(act): \(what) is lost"
        case .isLate: "\(act): \(what) is late"
        case .dies: "\(act) dies"
        case .diesLate: "\(act) dies, and \(what) is under way"
        case .arrivesLate: "what \(act) had sent arrives"
        case .operatorSuspends: "the operator suspends \(index)"
        case .operatorResumes: "the operator resumes \(index)"
        case .operatorApproves: "the operator approves \(index)"
        case .personEdits: "a person moves the end of \(index)"
        case .momentPasses: "half a minute passes"
        case .dayPasses: "a day passes"
        }
    }
}

/// Visits every world that can be reached, the nearest first, and looks for one in which an invariant does not hold.
final class LifeSearch {
    struct Outcome {
        var worlds = 0
        var rests = 0
        var broken: LifeInvariant?
        var trace: [LifeLabel] = []
        var isComplete = true
        var depth = 0
    }

    let machine: LifeMachine
    private let scenario: LifeScenario
    private var parents: [Int32] = [-1]
    private var labels: [LifeLabel] = [LifeLabel(.dayPasses, 0)]
    /// Rows and time of the worlds at rest that have been tried.
    private var rested: Set<Int> = []

    init(_ scenario: LifeScenario) {
        self.scenario = scenario
        machine = LifeMachine(scenario)
    }

    /// Ends at the first broken invariant. Visited worlds are remembered by a hash of 64 bits.
    func run() -> Outcome {
        var outcome = Outcome()
        var start = scenario.start
        start.calls = scenario.operations.map { _ in LifeWorld.Call() }
        var seen: Set<Int> = [start.hashValue]
        var open = [(start, Int32(0))]
        while !open.isEmpty {
            var nextOpen: [(LifeWorld, Int32)] = []
            for (world, number) in open {
                outcome.worlds += 1
                for (label, next) in machine.next(world) {
                    guard seen.insert(next.hashValue).inserted else { continue }
                    parents.append(number)
                    labels.append(label)
                    let nextNumber = Int32(parents.count - 1)
                    if let broken = next.broken ?? brokenAtRest(next, &outcome) {
                        outcome.broken = broken
                        outcome.trace = trace(to: nextNumber)
                        return outcome
                    }
                    nextOpen.append((next, nextNumber))
                }
                if parents.count > scenario.limit {
                    outcome.isComplete = false
                    return outcome
                }
            }
            open = nextOpen
            if !open.isEmpty { outcome.depth += 1 }
        }
        return outcome
    }

    private func brokenAtRest(_ world: LifeWorld, _ outcome: inout Outcome) -> LifeInvariant? {
        guard world.isQuiet else { return nil }
        var hasher = Hasher()
        hasher.combine(world.rows)
        hasher.combine(world.now)
        guard rested.insert(hasher.finalize()).inserted else { return nil }
        outcome.rests += 1
        return machine.atRest(world)
    }

    private func trace(to number: Int32) -> [LifeLabel] {
        var path: [LifeLabel] = []
        var number = Int(number)
        while parents[number] >= 0 {
            path.append(labels[number])
            number = Int(parents[number])
        }
        return path.reversed()
    }
}
