/// What may happen next in a world: one step of a call, of 3scale, or of misfortune.
struct Machine {
    let scenario: Scenario

    init(_ scenario: Scenario) { self.scenario = scenario }

    private func has(_ rule: Rule) -> Bool { scenario.rules.contains(rule) }

    var start: World {
        var world = World(calls: (1...scenario.replicas.count).map { Call(number: UInt8($0)) })
        if scenario.formerName {
            let account = world.number()
            world.apps.append(App(id: world.number(), account: account, mark: 1, name: 1, by: 0))
        }
        if scenario.accountExists { world.accounts.append(world.number()) }
        if scenario.foreign {
            world.apps.append(App(id: world.number(), account: world.winner, mark: 2, name: 200, by: 0))
        }
        return world
    }

    /// - Parameters:
    ///   - disturbed: faults and crashes may happen.
    func next(_ world: World, disturbed: Bool = true) -> [World] {
        var worlds: [World] = []
        for index in world.pending.indices { worlds += serve(world, index) }
        for call in world.calls.indices where !world.calls[call].step.isOver {
            worlds += act(world, call)
            if disturbed { worlds += disturb(world, call) }
        }
        return worlds
    }

    // MARK: 3scale

    private func serve(_ world: World, _ index: Int) -> [World] {
        var world = world
        let write = world.pending[index]
        if !write.checked {
            let isTaken =
                switch write.kind {
                case .signup: !world.accounts.isEmpty
                case .create: write.name < 100 && world.apps.contains { $0.name == write.name && !$0.deleted }
                }
            if isTaken {
                world.pending.remove(at: index)
                answer(&world, write, taken: true)
                return [world]
            }
            world.pending[index].checked = true
            if scenario.lateCommit { world.pending[index].id = world.number() }
            if scenario.raceOpen { return [world] }
        }
        let checked = world.pending.remove(at: index)
        let id = checked.id != 0 ? checked.id : world.number()
        switch write.kind {
        case .signup:
            world.accounts.append(id)
            if scenario.signupMakesOne {
                world.apps.append(App(id: world.number(), account: id, mark: 0, name: 100 + world.nextID, by: 0))
            }
            answer(&world, write, made: id)
        case .create:
            guard world.accounts.contains(write.account) else {
                answer(&world, write, taken: true)
                return [world]
            }
            world.apps.append(App(id: id, account: write.account, mark: 1, name: write.name, by: write.call + 1))
            answer(&world, write, made: id)
        }
        return [world]
    }

    /// Tells the call, if it still waits.
    private func answer(_ world: inout World, _ write: Pending, taken: Bool = false, made: UInt8 = 0) {
        var call = world.calls[Int(write.call)]
        switch (write.kind, call.step) {
        case (.signup, .waitSignup):
            if taken {
                call.step = has(.lookUpSignup) ? .lookUpSignup : .failed
            } else {
                call.account = made
                call.isNewAccount = true
                afterSignup(&call)
            }
        case (.create, .waitCreate):
            call.taken = taken
            if !taken, !has(.listAgain) {
                finish(&call, made, isNew: true)
            } else {
                call.step = .settle
            }
        default: return
        }
        world.calls[Int(write.call)] = call
    }

    private func afterSignup(_ call: inout Call) {
        if scenario.signupMakesOne, has(.listAfterSignup) {
            call.step = has(.confirmSignup) ? .confirm(call.account) : .list
        } else {
            call.unconfirmed = has(.confirmSignup)
            call.step = .create
        }
    }

    // MARK: Calls

    private func act(_ world: World, _ index: Int) -> [World] {
        var world = world
        var call = world.calls[index]
        switch call.step {
        case .start:
            let replica = scenario.replicas[index]
            let leader = world.calls.indices.first {
                $0 != index && scenario.replicas[$0] == replica && !world.calls[$0].step.isOver
                    && world.calls[$0].step != .start
            }
            if has(.singleFlight), let leader {
                if case .joined(let other) = world.calls[leader].step {
                    call.step = .joined(other)
                } else {
                    call.step = .joined(UInt8(leader))
                }
            } else {
                call.account = world.winner
                call.step = call.account == 0 ? .signUp : .list
            }
        case .joined(let leader):
            let other = world.calls[Int(leader)]
            guard other.step.isOver else { return [] }
            call.answer = other.answer
            call.step = other.step
        case .signUp:
            call.signups += 1
            call.step = .waitSignup
            world.pending.append(Pending(call: UInt8(index), kind: .signup, account: 0, name: 0))
        case .waitSignup, .waitCreate: return []
        case .lookUpSignup:
            call.account = world.winner
            call.step = call.account == 0 ? .failed : .list
        case .confirm(let made):
            call.account = world.winner
            call.isNewAccount = call.account == made
            call.step = .list
        case .list: look(&call, world, afterCreate: false)
        case .create:
            call.creates += 1
            call.step = .waitCreate
            let name: UInt8 = has(.derivedID) ? (call.fallback ? 2 : 1) : 101 + UInt8(index) * 8 + call.creates
            world.pending.append(Pending(call: UInt8(index), kind: .create, account: call.account, name: name))
        case .settle:
            guard call.unconfirmed else {
                look(&call, world, afterCreate: true)
                break
            }
            // Both look-ups are sent at once; either may be answered first.
            var listedFirst = world
            call.listed = world.live(on: call.account).map(\.id)
            call.step = .settleListed
            listedFirst.calls[index] = call
            call.listed = []
            call.winner = world.winner
            call.step = .settleConfirmed
            world.calls[index] = call
            return [listedFirst, world]
        case .settleListed:
            call.winner = world.winner
            settleUnconfirmed(&call, world)
        case .settleConfirmed:
            call.listed = world.live(on: call.account).map(\.id)
            settleUnconfirmed(&call, world)
        case .takeBack(let ids, let winner):
            for id in ids { world.delete(id) }
            // An account on which nothing else was seen goes, with whatever has come since.
            if has(.takeBack), ids.count == call.listed.count {
                for app in world.live(on: call.account) { world.delete(app.id) }
                world.accounts.removeAll { $0 == call.account }
            }
            call.listed = []
            call.account = winner
            // What follows is about another account.
            call.creates = 0
            call.step = .list
        case .remove(let ids, let answer, let isNew):
            guard let first = ids.first else {
                finish(&call, answer, isNew: isNew)
                break
            }
            world.delete(first)
            call.step = .remove(Array(ids.dropFirst()), answer: answer, isNew: isNew)
        case .answered, .failed, .crashed: return []
        }
        world.calls[index] = call
        return [world]
    }

    private func settleUnconfirmed(_ call: inout Call, _ world: World) {
        call.unconfirmed = false
        guard call.winner != call.account else {
            choose(&call, world, afterCreate: true)
            return
        }
        call.isNewAccount = false
        call.taken = false
        let mine = call.listed.filter { world.app($0)?.by == call.number }
        call.step = .takeBack(has(.takeBack) ? mine : [], then: call.winner)
    }

    private func look(_ call: inout Call, _ world: World, afterCreate: Bool) {
        call.listed = world.live(on: call.account).map(\.id)
        choose(&call, world, afterCreate: afterCreate)
    }

    /// Decides on what was listed, which may have changed since.
    private func choose(_ call: inout Call, _ world: World, afterCreate: Bool) {
        let all = call.listed.compactMap(world.app)
        let marked = has(.ownerMark) ? all.filter { $0.mark == 1 } : all
        let isForeign = has(.ownerMark) && all.contains { $0.mark == 2 }
        let unmarked = isForeign || !has(.ownerMark) ? [] : all.filter { $0.mark == 0 }
        let chosen = has(.lowestWins) ? marked.first ?? unmarked.first : marked.last ?? unmarked.first
        if let chosen {
            let surplus = marked.filter { $0.id != chosen.id && (chosen.id < $0.id || !has(.lowestWins)) }.map(\.id)
            let isNew = afterCreate ? chosen.by == call.number : call.isNewAccount && chosen.mark == 0
            call.step = .remove(has(.deleteSurplus) && has(.ownerMark) ? surplus : [], answer: chosen.id, isNew: isNew)
        } else if !afterCreate {
            call.step = isForeign ? .failed : .create
        } else if call.taken, !call.fallback, has(.fallbackID) {
            call.fallback = true
            call.taken = false
            call.step = .create
        } else {
            call.step = .failed
        }
        call.listed = []
    }

    private func finish(_ call: inout Call, _ answer: UInt8, isNew: Bool) {
        call.answer = answer
        call.saysNew = isNew
        call.step = .answered
    }

    // MARK: Misfortune

    private func disturb(_ world: World, _ index: Int) -> [World] {
        var worlds: [World] = []
        if Int(world.crashes) < scenario.crashesMax {
            // The whole process dies; what it has sent goes on.
            var crashed = world
            crashed.crashes += 1
            for call in crashed.calls.indices
            where scenario.replicas[call] == scenario.replicas[index] && !crashed.calls[call].step.isOver
                && crashed.calls[call].step != .start
            {
                crashed.calls[call].step = .crashed
            }
            if crashed.calls != world.calls { worlds.append(crashed) }
        }
        guard Int(world.faults) < scenario.faultsMax else { return worlds }
        let step = world.calls[index].step
        switch step {
        case .waitSignup, .waitCreate:
            // The answer is lost: the write may have happened, may yet happen ...
            var lost = world
            lost.faults += 1
            giveUp(&lost, index)
            worlds.append(lost)
            // ... or never will.
            if let position = world.pending.firstIndex(where: { Int($0.call) == index && !$0.checked }) {
                var dropped = lost
                dropped.pending.remove(at: position)
                worlds.append(dropped)
            }
        case .remove(let ids, let answer, let isNew) where !ids.isEmpty:
            var failed = world
            failed.faults += 1
            failed.calls[index].step = .remove(Array(ids.dropFirst()), answer: answer, isNew: isNew)
            worlds.append(failed)
        case .takeBack(let ids, let winner) where !ids.isEmpty:
            var failed = world
            failed.faults += 1
            failed.calls[index].step = .takeBack([], then: winner)
            worlds.append(failed)
        default: break
        }
        return worlds
    }

    private func giveUp(_ world: inout World, _ index: Int) {
        switch world.calls[index].step {
        case .waitSignup: world.calls[index].step = has(.lookUpSignup) ? .lookUpSignup : .failed
        case .waitCreate:
            if !has(.neverRepeat), world.calls[index].creates < 2 {
                world.calls[index].step = .create
            } else {
                world.calls[index].step = has(.lookUpUnknown) ? .settle : .failed
            }
        default: break
        }
    }
}
