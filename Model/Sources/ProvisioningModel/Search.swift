/// Visits every world that can be reached, the nearest first, and looks for one in which an invariant does not hold.
final class Search {
    struct Outcome {
        var worlds = 0
        var rests = 0
        /// The first invariant that was found broken, and how.
        var broken: Invariant?
        var trace: [Label] = []
        var isComplete = true
        /// Steps to the furthest world that was visited.
        var depth = 0
        var cut = 0
        var nodes = 0
        var arcs = 0
    }

    let machine: Machine
    private let scenario: Scenario
    private var parents: [Int32] = []
    private var labels: [Label] = []
    /// How the step to each world changed the places of calls that can be exchanged.
    private var orders: [Order] = []

    init(_ scenario: Scenario) {
        self.scenario = scenario
        machine = Machine(scenario)
    }

    /// Ends at the first broken invariant. Visited worlds are remembered by a hash of 64 bits.
    func run() -> Outcome {
        var outcome = Outcome()
        var seen: Set<Int> = []
        var open: [(world: World, number: Int32)] = []
        for start in machine.start() where seen.insert(start.hashValue).inserted {
            open.append((start, Int32(parents.count)))
            parents.append(-1)
            labels.append(Label())
            orders.append(Order())
        }
        while !open.isEmpty {
            var nextOpen: [(world: World, number: Int32)] = []
            for (world, number) in open {
                outcome.worlds += 1
                for (label, reached) in machine.next(world) {
                    let (next, order) = machine.canonical(reached)
                    guard seen.insert(next.hashValue).inserted else { continue }
                    parents.append(number)
                    labels.append(label)
                    orders.append(order)
                    let nextNumber = Int32(parents.count - 1)
                    if let invariant = broken(next) ?? brokenAtRest(next, &outcome) {
                        outcome.broken = invariant
                        outcome.trace = trace(to: nextNumber)
                        return finish(outcome)
                    }
                    nextOpen.append((next, nextNumber))
                }
                if parents.count > scenario.limit {
                    outcome.isComplete = false
                    return finish(outcome)
                }
            }
            open = nextOpen
            if !open.isEmpty { outcome.depth += 1 }
        }
        return finish(outcome)
    }

    private func finish(_ outcome: Outcome) -> Outcome {
        var outcome = outcome
        outcome.cut = machine.cut
        outcome.nodes = machine.automaton.count
        outcome.arcs = machine.automaton.arcCount
        return outcome
    }

    private func trace(to number: Int32) -> [Label] {
        var path: [Int] = []
        var number = number
        while parents[Int(number)] >= 0 {
            path.append(Int(number))
            number = parents[Int(number)]
        }
        // Back to the places that the calls had at first.
        var first = Order()
        return path.reversed().map { step in
            var label = labels[step]
            label.call = first[label.call]
            first = first.followed(by: orders[step])
            return label
        }
    }

    // MARK: Invariants

    private func broken(_ world: World) -> Invariant? {
        for (index, call) in world.calls.enumerated() where call.stage == .answered {
            guard let row = world.row(call.answer) else { return .kept }
            let person = machine.person(index)
            if world.rows[row].owner != person + 1 { return .own }
            if world.rows[row].home != 0, world.rows[row].home != person + 1 { return .own }
            for other in 0..<index where world.calls[other].stage == .answered {
                if machine.person(other) == person {
                    if world.calls[other].answer != call.answer { return .same }
                } else if world.calls[other].answer == call.answer {
                    return .own
                }
            }
        }
        return nil
    }

    /// What one more call of each person gets, undisturbed, and what it leaves.
    private func brokenAtRest(_ world: World, _ outcome: inout Outcome) -> Invariant? {
        guard world.orphans.isEmpty, world.calls.allSatisfy(\.isOver) else { return nil }
        outcome.rests += 1
        for takesLast in scenario.findVaries ? [false, true] : [false] {
            var rest = world
            defer { machine.retries = [] }
            for person in Set(scenario.persons.dropFirst(scenario.start.calls.count)).sorted() {
                machine.retries.append((person, scenario.names[scenario.persons.lastIndex(of: person) ?? 0]))
                guard let ended = retry(rest, person, takesLast) else { return .retry }
                rest = ended
                if let invariant = broken(rest) { return invariant }
                let confirmed = rest.rows.filter { $0.owner == person + 1 && $0.isConfirmed && $0.isCommitted }
                if confirmed.count > 1 { return .one }
            }
        }
        return nil
    }

    /// The world after that call; nil when it got no key though it should.
    private func retry(_ world: World, _ person: UInt8, _ takesLast: Bool) -> World? {
        var world = world
        let index = world.calls.count
        world.calls.append(World.Call(node: machine.begin(person)))
        var steps = 0
        while !world.calls[index].isOver {
            steps += 1
            if steps > 80 { return nil }
            let request = machine.automaton.request(world.calls[index].node)
            if request.isWrite {
                guard let (next, outcome) = machine.check(world, index, request).first else { return nil }
                switch outcome {
                case .event(let event):
                    let reached = machine.deliver(next, index, machine.automaton.number(of: event))
                    guard let one = takesLast ? reached.last : reached.first else { return nil }
                    world = one
                case .target(let target):
                    let (committed, event) = machine.commit(next, index, request, target)
                    let reached = machine.deliver(committed, index, machine.automaton.number(of: event))
                    guard let one = takesLast ? reached.last : reached.first else { return nil }
                    world = one
                }
            } else {
                let events = machine.read(world, index, request)
                guard let event = takesLast ? events.last : events.first else { return nil }
                let reached = machine.deliver(world, index, machine.automaton.number(of: event))
                guard let one = takesLast ? reached.last : reached.first else { return nil }
                world = one
                world = machine.later(world) ?? world
            }
        }
        if world.calls[index].stage == .failed {
            guard case .fail(let failure) = machine.automaton.request(world.calls[index].event),
                scenario.mayFail.contains(failure)
            else { return nil }
        }
        return world
    }
}
