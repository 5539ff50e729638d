/// Visits every world that can be reached, and looks for one in which an invariant does not hold.
struct Search {
    struct Outcome {
        var worlds = 0
        /// By invariant, the first way to break it that was found.
        var broken: [Invariant: [World]] = [:]
        var isComplete = true
    }

    let scenario: Scenario
    private let machine: Machine

    init(_ scenario: Scenario) {
        self.scenario = scenario
        machine = Machine(scenario)
    }

    /// - Parameters:
    ///   - limit: worlds to visit at most.
    ///   - stopsEarly: ends at the first broken invariant.
    func run(limit: Int, stopsEarly: Bool) -> Outcome {
        var outcome = Outcome()
        var seen: Set<World> = [machine.start]
        var parents: [World: World] = [:]
        var open = [machine.start]
        while let world = open.popLast() {
            outcome.worlds += 1
            if outcome.worlds >= limit {
                outcome.isComplete = false
                return outcome
            }
            let following = machine.next(world)
            for next in following {
                for invariant in broken(world, next) where outcome.broken[invariant] == nil {
                    outcome.broken[invariant] = path(to: world, parents) + [next]
                    if stopsEarly { return outcome }
                }
                if seen.insert(next).inserted {
                    if stopsEarly { parents[next] = world }
                    open.append(next)
                }
            }
            if world.pending.isEmpty, world.calls.allSatisfy(\.step.isOver) {
                for invariant in brokenAtRest(world) where outcome.broken[invariant] == nil {
                    outcome.broken[invariant] = path(to: world, parents)
                    if stopsEarly { return outcome }
                }
            }
        }
        return outcome
    }

    private func path(to world: World, _ parents: [World: World]) -> [World] {
        var path = [world]
        while let last = path.last, let parent = parents[last] { path.append(parent) }
        return path.reversed()
    }

    // MARK: Invariants of a step

    private func broken(_ before: World, _ after: World) -> [Invariant] {
        var broken: [Invariant] = []
        let answers = after.calls.filter { $0.step == .answered }.map(\.answer)
        if answers.contains(where: { after.app($0)?.deleted != false }) { broken.append(.kept) }
        if Set(answers).count > 1 { broken.append(.agreed) }
        for answer in answers {
            guard let app = after.app(answer) else { continue }
            if app.mark == 2 || app.account != after.winner { broken.append(.owned) }
        }
        if after.calls.filter({ $0.step == .answered && $0.saysNew }).count > 1 { broken.append(.newOnce) }
        let own = after.apps.filter { $0.mark == 1 && !$0.deleted && $0.account == after.winner }
        if scenario.foreign, !own.isEmpty { broken.append(.foreignUntouched) }
        if !scenario.raceOpen, !scenario.lateCommit, after.live(on: after.winner).filter({ $0.mark != 2 }).count > 1 {
            broken.append(.neverTwo)
        }
        for replica in Set(scenario.replicas) {
            let creating = after.calls.indices.filter {
                scenario.replicas[$0] == replica && after.calls[$0].step == .waitCreate
            }
            if creating.count > 1 { broken.append(.oneInFlight) }
        }
        if after.calls.contains(where: { $0.creates > ($0.fallback ? 2 : 1) || $0.signups > 1 }) {
            broken.append(.sentOnce)
        }
        for (old, new) in zip(before.calls, after.calls) where !old.step.isOver && new.step == .failed {
            if !scenario.foreign, wasThere(old, after, own) { broken.append(.noFalseError) }
        }
        return broken
    }

    /// Whether a call that fails now could have known of its account or key.
    private func wasThere(_ call: Call, _ world: World, _ own: [App]) -> Bool {
        switch call.step {
        // Its leader answers for it.
        case .joined: false
        case .waitSignup: world.winner != 0
        // What it goes by was listed a step ago.
        case .settleListed: call.listed.contains { id in own.contains { $0.id == id } }
        default: !own.isEmpty
        }
    }

    // MARK: Invariants at rest

    /// What one more call finds, undisturbed.
    private func brokenAtRest(_ world: World) -> [Invariant] {
        var last = world
        last.calls = [Call(number: UInt8(world.calls.count) + 1)]
        var quiet = scenario
        quiet.replicas = [0]
        let machine = Machine(quiet)
        while true {
            // Without other calls only the order of two reads is free.
            guard let next = machine.next(last, disturbed: false).first else { break }
            last = next
        }
        if scenario.foreign { return last.calls[0].step == .failed ? [] : [.foreignUntouched] }
        guard last.calls[0].step == .answered else { return [.alwaysEnds] }
        let owned = last.live(on: last.winner).filter { $0.mark != 2 }.map(\.id)
        let answers = Set(world.calls.filter { $0.step == .answered }.map(\.answer) + [last.calls[0].answer])
        var broken: [Invariant] = owned.count == 1 && Set(owned) == answers ? [] : [.oneAtRest]
        let elsewhere = last.apps.filter { $0.by > 0 && $0.account != last.winner && !$0.deleted }
        if world.faults == 0, world.crashes == 0, !elsewhere.isEmpty { broken.append(.leftBehind) }
        return broken
    }
}
