/// Every step that the world can take.
final class Machine {
    typealias Request = Automaton.Request
    typealias Following = (label: Label, world: World)

    let scenario: Scenario
    let automaton = Automaton()
    /// Steps that were not taken, since they would have made one application more than the scenario allows.
    private(set) var cut = 0

    init(_ scenario: Scenario) { self.scenario = scenario }

    /// The worlds in which every call is about to send its first request.
    func start() -> [World] {
        var worlds = [scenario.start]
        for index in scenario.start.calls.count..<scenario.persons.count {
            worlds = worlds.flatMap { world in
                var next = world
                next.calls.append(World.Call(node: begin(scenario.persons[index])))
                return found(next, index)
            }
        }
        return worlds
    }

    func begin(_ person: UInt8) -> Int32 {
        automaton.begin(
            person: Int(person), adopts: true, signupCreates: scenario.signupCreates,
            isTimeless: scenario.without == .authorsTime)
    }

    func person(_ call: Int) -> UInt8 {
        call < scenario.persons.count ? scenario.persons[call] : retries[call - scenario.persons.count].person
    }
    func name(_ call: Int) -> UInt8 {
        call < scenario.persons.count ? scenario.names[call] : retries[call - scenario.persons.count].name
    }
    /// The calls that are tried at rest; empty during the search.
    var retries: [(person: UInt8, name: UInt8)] = []

    func next(_ world: World) -> [Following] {
        var following: [Following] = []
        for index in world.calls.indices where !world.calls[index].isOver { step(world, index, &following) }
        for index in world.orphans.indices { stepOrphan(world, index, &following) }
        if let later = later(world) { following.append((Label(), later)) }
        return following
    }

    // MARK: Time

    /// Whether a write may not be under way for longer. Creates, confirmations and signups may travel for as long as they like;
    /// what 3scale has checked is committed within a step.
    private func isDue(_ request: Request, isChecked: Bool, waited: UInt8) -> Bool {
        switch request {
        case .delete, .deleteAccount: scenario.without != .quickDeletion && waited >= 1
        case .mark: waited >= 1
        default: isChecked && waited >= 1
        }
    }

    func later(_ world: World) -> World? {
        var next = world
        for index in next.calls.indices where !next.calls[index].isOver {
            let request = automaton.request(next.calls[index].node)
            switch next.calls[index].stage {
            case .sent, .checked:
                let isChecked = next.calls[index].stage == .checked
                if isDue(request, isChecked: isChecked, waited: next.calls[index].waited) { return nil }
                if isChecked || isTimed(request) { next.calls[index].waited = 1 }
            case .held: next.calls[index].stage = .arriving
            case .arriving: return nil
            case .answered, .failed, .dead: break
            }
            next.calls[index].node = automaton.later(next.calls[index].node)
        }
        for index in next.orphans.indices {
            let orphan = next.orphans[index]
            let request = automaton.request(numbered: orphan.request)
            if isDue(request, isChecked: orphan.isChecked, waited: orphan.waited) { return nil }
            if orphan.isChecked || isTimed(request) { next.orphans[index].waited = 1 }
        }
        for index in next.rows.indices {
            if !next.rows[index].isConfirmed { next.rows[index].age = min(next.rows[index].age + 1, Step.settled) }
            next.rows[index].unchanged = min(next.rows[index].unchanged + 1, Step.unchanged)
        }
        for index in next.accounts.indices {
            next.accounts[index].age = min(next.accounts[index].age + 1, Step.settled)
        }
        return next
    }

    private func isTimed(_ request: Request) -> Bool {
        switch request {
        case .delete, .deleteAccount, .mark: true
        default: false
        }
    }

    // MARK: One call

    private func step(_ world: World, _ index: Int, _ following: inout [Following]) {
        let call = world.calls[index]
        let request = automaton.request(call.node)
        let sent = automaton.requestNumber(call.node)
        let label = { (verb: Label.Verb, id: UInt8) in
            Label(call: UInt8(index), verb: verb, request: sent, id: id)
        }
        switch call.stage {
        case .held: break
        case .arriving:
            add(label(.hears, 0), deliver(world, index, call.event), to: &following)
        case .sent:
            if !request.isWrite {
                for event in read(world, index, request) {
                    let number = automaton.number(of: event)
                    add(label(.does, 0), deliver(world, index, number), to: &following)
                    if world.delays > 0 {
                        var late = world
                        late.delays -= 1
                        late.calls[index].stage = .held
                        late.calls[index].event = number
                        following.append((label(.isLate, 0), late))
                    }
                }
            } else {
                for (next, outcome) in check(world, index, request) {
                    switch outcome {
                    case .event(let event):
                        add(
                            label(isRefusal(event) ? .isRefused : .does, 0),
                            deliver(next, index, automaton.number(of: event)), to: &following)
                    case .target(let target):
                        var next = next
                        next.calls[index].stage = .checked
                        next.calls[index].target = target
                        if !isTimed(request) { next.calls[index].waited = 0 }
                        following.append((label(.isGivenAnID, target), next))
                    }
                }
            }
        case .checked:
            let (next, event) = commit(world, index, request, call.target)
            add(label(.commits, call.target), deliver(next, index, automaton.number(of: event)), to: &following)
        case .answered, .failed, .dead: return
        }
        guard call.stage == .sent || call.stage == .checked else { return }
        let orphan = World.Orphan(
            call: UInt8(index), request: automaton.requestNumber(call.node), isChecked: call.stage == .checked,
            target: call.target, waited: call.waited)
        if request.isWrite, world.losses > 0 {
            let unknown = automaton.number(of: .refused(.unknown))
            var lost = world
            lost.losses -= 1
            if call.stage == .sent {
                add(label(.losesTheAnswer, 0), deliver(lost, index, unknown), to: &following)
            }
            lost.orphans.append(orphan)
            add(label(.losesTheAnswer, 1), deliver(lost, index, unknown), to: &following)
        }
        if world.deaths > 0 {
            var dead = world
            dead.deaths -= 1
            dead.calls[index] = World.Call(node: -1, stage: .dead)
            if call.stage == .sent { following.append((label(.dies, 0), dead)) }
            if request.isWrite {
                dead.orphans.append(orphan)
                following.append((label(.dies, 1), dead))
            }
        }
    }

    private func add(_ label: Label, _ worlds: [World], to following: inout [Following]) {
        for world in worlds { following.append((label, world)) }
    }

    private func isRefusal(_ event: Automaton.Event) -> Bool {
        if case .refused = event { true } else { false }
    }

    /// The answer reaches the call, which decides at once.
    func deliver(_ world: World, _ index: Int, _ event: Int32) -> [World] {
        var next = world
        let node = automaton.next(world.calls[index].node, altered(event, world.calls[index].node))
        next.calls[index] = World.Call(node: node, confirmed: world.calls[index].confirmed)
        switch automaton.request(node) {
        case .answer(let row):
            next.calls[index] = World.Call(node: -1, stage: .answered, answer: row)
        case .fail:
            next.calls[index] = World.Call(node: -1, stage: .failed, event: retries.isEmpty ? -1 : node)
        case .find: return found(next, index)
        default: break
        }
        return [next]
    }

    /// Where no call changes an account, it does not matter when a call looks it up: it has done so at once.
    private func found(_ world: World, _ index: Int) -> [World] {
        guard scenario.isStatic, case .find = automaton.request(world.calls[index].node) else { return [world] }
        return read(world, index, .find).flatMap { deliver(world, index, automaton.number(of: $0)) }
    }

    private func altered(_ event: Int32, _ node: Int32) -> Int32 {
        let request = automaton.request(node)
        switch (scenario.without, request) {
        case (.unsure, .confirm):
            return event == automaton.number(of: .refused(.unknown)) ? automaton.number(of: .refused(.notFound)) : event
        // The create's answer decides nothing: the call lists.
        case (.confirmation, .create):
            return automaton.number(of: .refused(.unknown))
        case (.heldKey, .rename(let account)):
            return event == automaton.number(of: .keptName(account))
                ? automaton.number(of: .refused(.nameTaken)) : event
        default: return event
        }
    }

    private func stepOrphan(_ world: World, _ index: Int, _ following: inout [Following]) {
        let orphan = world.orphans[index]
        let request = automaton.request(numbered: orphan.request)
        var next = world
        next.orphans.remove(at: index)
        if orphan.isChecked {
            let committed = commit(next, Int(orphan.call), request, orphan.target).world
            following.append(
                (Label(call: orphan.call, verb: .lateCommit, request: orphan.request, id: orphan.target), committed))
            return
        }
        for (checked, outcome) in check(next, Int(orphan.call), request) {
            var checked = checked
            if case .target(let target) = outcome {
                let waited = isTimed(request) ? orphan.waited : 0
                checked.orphans.append(
                    World.Orphan(
                        call: orphan.call, request: orphan.request, isChecked: true, target: target, waited: waited))
            }
            following.append((Label(call: orphan.call, verb: .lateCheck, request: orphan.request), checked))
        }
    }

    func countCut() { cut += 1 }
}
