import HelperCore

/// Every step that the world can take. Acts are as `MakeKeys`, `ChangeKeys` and `SweepKeys` carry them out, one request to 3scale
/// at a time, and share no lock; what they decide they ask the shipped values.
final class LifeMachine {
    typealias World = LifeWorld
    typealias Following = (label: LifeLabel, world: World)

    private static let attemptsMax: UInt8 = 3

    let scenario: LifeScenario
    let decisions: LifeDecisions

    init(_ scenario: LifeScenario) {
        self.scenario = scenario
        decisions = LifeDecisions(scenario)
    }

    func next(_ world: World) -> [Following] {
        var following: [Following] = []
        for index in world.calls.indices where mayStep(world, index) { step(world, index, &following) }
        for index in world.orphans.indices {
            var next = world
            let orphan = next.orphans.remove(at: index)
            _ = apply(orphan.request, &next, by: orphan.call)
            following.append((LifeLabel(.arrivesLate, orphan.call), next))
        }
        operate(world, &following)
        edit(world, &following)
        passTime(world, &following)
        return following
    }

    /// Its owner's resumption is under way.
    private func isBeingResumed(_ world: World, _ id: UInt8) -> Bool {
        let isCalled = world.calls.indices.contains { request(world, $0) == .resume(row: id) }
        return isCalled || world.orphans.contains { $0.request == .resume(row: id) }
    }

    /// Equal operations begin in their order.
    private func mayStep(_ world: World, _ index: Int) -> Bool {
        switch world.calls[index].stage {
        case .over, .failed: return false
        case .idle:
            // The owner knows the key.
            let target = Int(scenario.operations[index].target)
            guard target <= world.rows.count, target == 0 || world.rows[target - 1].confirmedAt >= 0 else {
                return false
            }
            guard let before = scenario.operations[..<index].lastIndex(of: scenario.operations[index]) else {
                return true
            }
            return world.calls[before].stage != .idle
        case .wait(_, let until): return world.now >= until
        case .resume(_, let at, _): return world.now >= at
        default: return true
        }
    }

    // MARK: Time and the operator

    private func passTime(_ world: World, _ following: inout [Following]) {
        if world.moments > 0, !world.isQuiet {
            var next = world
            next.moments -= 1
            next.now += LifeTime.moment
            following.append((LifeLabel(.momentPasses, 0), next))
        }
        // A request takes no day, and what the sweep has left it makes good within seconds.
        if world.days > 0, world.isQuiet, world.unfinished.isEmpty {
            var next = world
            next.days -= 1
            next.now += LifeTime.day
            following.append((LifeLabel(.dayPasses, 0), next))
        }
    }

    private func operate(_ world: World, _ following: inout [Following]) {
        guard world.operatorChanges > 0 else { return }
        for index in world.rows.indices where !world.rows[index].isGone && world.rows[index].shown.mark.isConfirmed {
            let shown = world.rows[index].shown
            guard shown.owner == 1 else { continue }
            var next = world
            next.operatorChanges -= 1
            next.rows[index].shown.updatedAt = world.now
            switch shown.state {
            case .live where scenario.operatorMay.contains(.suspend):
                next.rows[index].shown.state = .suspended
                next.rows[index].suspendedAt = world.now
                next.rows[index].isExcused = true
                // Between the two writes of a pause it counts as the owner's, between those of an end as the helper's.
                let isBefore = end(of: world.rows[index], world).map { world.now < $0 } ?? true
                next.rows[index].isSuspendedByOperator =
                    isBefore && !shown.mark.isSealFresh(world.now) && !isBeingStopped(world, shown.id)
                    && !isBeingResumed(world, shown.id)
                // After the end it counts as the operator's until the sweep has sealed it.
                next.rows[index].isTakenForOperators =
                    !next.rows[index].isSuspendedByOperator
                    && !decisions.vouches(next.rows[index].shown, now: world.now)
                following.append((LifeLabel(.operatorSuspends, shown.id), checked(next)))
            case .suspended where scenario.operatorMay.contains(.resume):
                next.rows[index].shown.state = .live
                next.rows[index].isSuspendedByOperator = false
                next.rows[index].isTakenForOperators = false
                next.rows[index].isResumedByOperator = true
                next.rows[index].isEndedBySweep = false
                next.rows[index].resumedAt = world.now
                following.append((LifeLabel(.operatorResumes, shown.id), checked(next)))
            case .pending where scenario.operatorMay.contains(.approve):
                next.rows[index].shown.state = .live
                if next.rows[index].liveAt < 0 { next.rows[index].liveAt = world.now }
                following.append((LifeLabel(.operatorApproves, shown.id), checked(next)))
            default: break
            }
        }
    }

    /// A person edits a description in the developer portal: the end is now, or there is none.
    private func edit(_ world: World, _ following: inout [Following]) {
        guard world.edits > 0 else { return }
        for index in world.rows.indices where !world.rows[index].isGone && world.rows[index].shown.mark.isConfirmed {
            let row = world.rows[index]
            guard row.shown.owner == 1 else { continue }
            for end in [world.now, -1] where end != row.shown.mark.expires {
                var next = world
                next.edits -= 1
                next.rows[index].movedFrom = self.end(of: row, world) ?? -1
                next.rows[index].movedAt = world.now
                next.rows[index].shown.mark.expires = end
                next.rows[index].shown.updatedAt = world.now
                if row.shown.state == .suspended {
                    // Only an operator can let it work again, unless its seal is fresh.
                    next.rows[index].isExcused = true
                    let isHelpers = decisions.vouches(next.rows[index].shown, now: world.now)
                    next.rows[index].isTakenForOperators = !row.isSuspendedByOperator && !isHelpers
                }
                following.append((LifeLabel(.personEdits, row.shown.id), checked(next)))
            }
        }
    }

    /// An owner's act that stops it is under way.
    private func isBeingStopped(_ world: World, _ id: UInt8) -> Bool {
        for index in world.calls.indices where world.calls[index].isUnderWay {
            switch scenario.operations[index] {
            case .pause(id): return true
            case .revoke(let target) where target >= id: return true
            default: break
            }
        }
        return world.orphans.contains { orphan in
            switch orphan.request {
            case .write(let row, let mark): row == id && mark.paused >= 0
            case .suspend(let row): row == id
            default: false
            }
        }
    }

    // MARK: One act

    private func step(_ world: World, _ index: Int, _ following: inout [Following]) {
        let act = UInt8(index)
        if let request = request(world, index) {
            var sent = world
            let outcome = apply(request, &sent, by: act)
            var next = sent
            heard(outcome, request, &next, index)
            following.append((LifeLabel(.does, act, request), checked(next)))
            if world.losses > 0, scenario.losesOnly.map({ $0 == scenario.operations[index] }) ?? true {
                // Its answer is lost; or it is, and arrives late or never.
                var lost = sent
                lost.losses -= 1
                heard(.unknown, request, &lost, index)
                following.append((LifeLabel(.losesAnswer, act, request), checked(lost)))
                var late = world
                late.losses -= 1
                heard(.unknown, request, &late, index)
                following.append((LifeLabel(.losesRequest, act, request), checked(late)))
                late.orphans.append(World.Orphan(call: act, request: request))
                following.append((LifeLabel(.isLate, act, request), checked(late)))
            }
            if world.deaths > 0 {
                var dead = world
                dead.deaths -= 1
                dead.calls[index] = World.Call(stage: .failed)
                if scenario.operations[index] == .sweep { dead.unfinished = [] }
                following.append((LifeLabel(.dies, act), dead))
                dead.orphans.append(World.Orphan(call: act, request: request))
                following.append((LifeLabel(.diesLate, act, request), dead))
            }
        } else {
            var next = world
            look(&next, index)
            following.append((LifeLabel(.lists, act), checked(next)))
            if world.deaths > 0, world.calls[index].isUnderWay {
                var dead = world
                dead.deaths -= 1
                dead.calls[index] = World.Call(stage: .failed)
                if scenario.operations[index] == .sweep { dead.unfinished = [] }
                following.append((LifeLabel(.dies, act), dead))
            }
        }
    }

    /// The write that a call is about to send; nil where it lists.
    private func request(_ world: World, _ index: Int) -> LifeRequest? {
        let call = world.calls[index]
        switch call.stage {
        case .create(let generation): return .create(generation: generation, call.mark)
        case .confirm(let row, let mark), .seal(let row, let mark), .reseal(let row, let mark),
            .lastSeal(let row, let mark), .unsealWrite(let row, let mark), .describe(let row, let mark),
            .settleWrite(let row, _, let mark, _):
            return .write(row: row, mark)
        case .suspend(let row): return .suspend(row: row)
        case .resume(let row, _, _): return .resume(row: row)
        case .stop:
            guard let row = call.stops.first else { return nil }
            guard call.isSealed else {
                return .write(row: row, pinned(world, row).sealed(.pause, at: world.now))
            }
            return .suspend(row: row)
        case .remove: return call.removals.first.map { .remove(row: $0) }
        case .due:
            if let end = call.suspensions.first {
                return call.isSealed || scenario.without == .sealFirst
                    ? .suspend(row: end.row) : .write(row: end.row, end.mark)
            }
            return call.removals.first.map { .remove(row: $0) }
        default: return nil
        }
    }

    enum Outcome { case done(UInt8), refused, notFound, unknown }

    // MARK: What an act reads

    private func look(_ world: inout World, _ index: Int) {
        let act = scenario.operations[index]
        switch world.calls[index].stage {
        case .idle:
            begin(act, &world)
            world.calls[index].stage = .list
            fallthrough
        case .list:
            world.calls[index].attempts += 1
            switch act {
            case .rotate(let id): rotate(id, &world, index)
            case .pause(let id): pause(id, &world, index)
            case .resume(let id): resume(id, &world, index)
            case .revoke(let id): revoke(id, &world, index)
            case .make: make(&world, index)
            case .sweep: world.calls[index].stage = isAnythingDue(world) ? .listAgain : .over
            }
        case .listForCreate(let generation), .wait(let generation, _): provision(generation, &world, index)
        case .unseal(let id):
            let row = world.rows[world.row(id)]
            guard row.isLive else { return again(&world, index) }
            var mark = row.shown.mark
            mark.paused = -1
            world.calls[index].stage = .unsealWrite(row: id, mark)
        case .check(let id):
            if decisions.keys(of: 1, world).key(Int(id))?.state == .suspended {
                world.calls[index].stage = .lastSeal(row: id, pinned(world, id).sealed(.pause, at: world.now))
            } else {
                world.calls[index] = World.Call(stage: .over)
            }
        case .listAgain: sweep(&world, index)
        case .settle(let id, let changedAt): settle(id, changedAt, &world, index)
        case .stop, .remove, .due: finish(&world, index)
        default: world.calls[index].stage = .failed
        }
    }

    private func begin(_ act: LifeOperation, _ world: inout World) {
        switch act {
        case .pause(let id): world.rows[world.row(id)].isExcused = true
        case .revoke(let id):
            let target = world.rows[world.row(id)].shown
            for index in world.rows.indices where world.rows[index].shown.owner == target.owner {
                let isOlder = world.rows[index].shown.generation < target.generation && target.state != .pending
                if world.rows[index].shown.id == id || isOlder { world.rows[index].isExcused = true }
            }
        case .rotate, .resume, .make, .sweep: break
        }
    }

    private func rotate(_ id: UInt8, _ world: inout World, _ index: Int) {
        let keys = decisions.keys(of: 1, world)
        switch keys.rotation(of: Int(id)) {
        case .replaced(let successor): answer(UInt8(successor), to: id, &world, index)
        case .create(let generation):
            if world.rows[world.row(id)].isSuspendedByOperator { world.broken = .remade }
            let target = world.rows[world.row(id)].shown
            world.calls[index].mark = LifeMark(isConfirmed: false, grace: scenario.grace)
            if target.mark.expires >= 0 {
                world.calls[index].mark.expires = world.now + target.mark.expires - target.createdAt
            }
            world.calls[index].stage = .listForCreate(generation: UInt8(generation))
        case .refused, .exhausted, nil: world.calls[index].stage = .failed
        }
    }

    private func make(_ world: inout World, _ index: Int) {
        guard decisions.keys(of: 1, world).keys.isEmpty else {
            world.calls[index].stage = .over
            return
        }
        if world.rows.contains(where: \.isSuspendedByOperator) { world.broken = .remade }
        world.calls[index].mark = LifeMark(isConfirmed: false, grace: scenario.grace)
        world.calls[index].stage = .listForCreate(generation: 1)
    }

    /// As `Provisioning` has it, whose own model explores the rest.
    private func provision(_ generation: UInt8, _ world: inout World, _ index: Int) {
        let target = scenario.operations[index].target
        if let row = world.rows.first(where: {
            !$0.isGone && $0.shown.owner == 1 && $0.shown.generation == generation
        }) {
            let shown = row.shown
            if shown.mark.isConfirmed { return answer(shown.id, to: target, &world, index) }
            var mark = shown.mark
            mark.isConfirmed = true
            let isOwn = shown.author == UInt8(index) + 1
            if isOwn, world.calls[index].began == world.now {
                world.calls[index].stage = .confirm(row: shown.id, mark)
            } else if world.now - shown.createdAt >= LifeTime.moment {
                // What a call that died left becomes what this call is to make.
                if !isOwn {
                    mark.grace = world.calls[index].mark.grace
                    if world.calls[index].mark.expires >= 0 { mark.expires = world.calls[index].mark.expires }
                    if shown.state == .live { mark.live = world.now }
                }
                world.calls[index].stage = .confirm(row: shown.id, mark)
            } else {
                world.calls[index].stage = .wait(generation: generation, until: shown.createdAt + LifeTime.moment)
            }
            return
        }
        guard target == 0 || world.rows[world.row(target)].isLive else {
            world.calls[index].stage = .failed
            return
        }
        world.calls[index].began = world.now
        world.calls[index].stage = .create(generation: generation)
    }

    private func pause(_ id: UInt8, _ world: inout World, _ index: Int) {
        switch decisions.keys(of: 1, world).key(Int(id))?.state {
        case .live, .retiring:
            world.calls[index].stage = .seal(row: id, pinned(world, id).sealed(.pause, at: world.now))
        case .paused: world.calls[index].stage = world.calls[index].isUnsure ? .over : .failed
        case .pending, .suspended, .expired, nil: world.calls[index].stage = .failed
        }
    }

    private func resume(_ id: UInt8, _ world: inout World, _ index: Int) {
        switch decisions.keys(of: 1, world).key(Int(id))?.state {
        case .paused:
            let shown = world.rows[world.row(id)].shown
            var mark = shown.mark
            let window = LifeTime.window(mark.ended == -1 ? .pause : .end)
            mark.paused = -1
            mark.ended = -1
            world.calls[index].stage = .resume(row: id, at: shown.updatedAt + window + 1, mark)
        case .live, .retiring: world.calls[index].stage = .over
        case .pending, .suspended, .expired, nil: world.calls[index].stage = .failed
        }
    }

    private func revoke(_ id: UInt8, _ world: inout World, _ index: Int) {
        let keys = decisions.keys(of: 1, world)
        guard let key = keys.key(Int(id)) else {
            world.calls[index].stage = .over
            return
        }
        guard key.state != .suspended else {
            world.calls[index].stage = .failed
            return
        }
        // Approved since an earlier look, it is revoked with the generations before.
        if world.calls[index].attempts > 1 { begin(scenario.operations[index], &world) }
        var targets = keys.revoked(with: Int(id)).map { UInt8($0.application.id) }
        if scenario.without == .olderStopped { targets = [id] }
        if scenario.without == .pendingKept, key.state == .pending {
            targets = keys.keys.filter { $0.generation <= key.generation }.map { UInt8($0.application.id) }.reversed()
        }
        world.calls[index].stops = targets.filter { world.rows[world.row($0)].isLive }
        world.calls[index].removals = targets
        world.calls[index].isSealed = false
        world.calls[index].stage = world.calls[index].stops.isEmpty ? .remove : .stop
    }

    private func isAnythingDue(_ world: World) -> Bool {
        !unfinished(world).isEmpty
            || owners(world).contains { owner in
                decisions.keys(of: owner, world, isSweep: true).duties.contains {
                    $0.time <= decisions.seconds(world.now)
                }
            }
    }

    private func owners(_ world: World) -> [UInt8] {
        scenario.without == .ownersApart
            ? [1] : Set(world.rows.filter { !$0.isGone }.map(\.shown.owner)).sorted()
    }

    /// What the sweep has suspended, and nothing has changed since.
    private func unfinished(_ world: World) -> [World.Suspension] {
        world.unfinished.filter { suspension in
            let row = world.rows[world.row(suspension.row)]
            return !row.isGone && row.shown.state == .suspended && row.shown.updatedAt == suspension.changedAt
        }
    }

    private func sweep(_ world: inout World, _ index: Int) {
        world.calls[index].isSealed = false
        world.calls[index].unfinished = unfinished(world)
        world.unfinished = []
        world.calls[index].suspensions = []
        world.calls[index].removals = []
        for owner in owners(world) {
            let keys = decisions.keys(of: owner, world, isSweep: true)
            let duties = keys.duties
            for duty in duties where duty.time <= decisions.seconds(world.now) {
                switch duty {
                case .suspend(let id, _):
                    guard scenario.without != .sweepSuspends else { continue }
                    let mark = pinned(world, UInt8(id), keys).sealed(.end, at: world.now)
                    world.calls[index].suspensions.append(World.End(row: UInt8(id), mark: mark))
                case .delete(let id, _):
                    world.calls[index].removals.append(UInt8(id))
                }
            }
        }
        world.calls[index].stage = .due
        finish(&world, index)
    }

    /// As `EndKey.settle`.
    private func settle(_ id: UInt8, _ changedAt: Int32, _ world: inout World, _ index: Int) {
        let row = world.rows[world.row(id)]
        guard !row.isGone, row.shown.state == .suspended, row.shown.updatedAt == changedAt else {
            return settled(&world, index)
        }
        var live = world
        live.rows[world.row(id)].shown.state = .live
        let isOver = decisions.keys(of: row.shown.owner, live, isSweep: true).duties.contains {
            $0.application == Int(id) && $0.time <= decisions.seconds(world.now)
        }
        var mark = row.shown.mark
        if !isOver { mark.ended = LifeMark.void }
        let purpose: PauseSeal.Purpose = isOver ? .end : .pause
        world.calls[index].stage = .settleWrite(
            row: id, changedAt: changedAt, mark.sealed(purpose, at: world.now), purpose)
    }

    private func settled(_ world: inout World, _ index: Int) {
        world.calls[index].stage = .due
        world.calls[index].isSealed = false
        if world.calls[index].unfinished.isEmpty {
            world.calls[index].suspensions.removeFirst()
        } else {
            world.calls[index].unfinished.removeFirst()
        }
        finish(&world, index)
    }

    /// What is left to do, or the end.
    private func finish(_ world: inout World, _ index: Int) {
        let call = world.calls[index]
        switch call.stage {
        case .stop: if call.stops.isEmpty { world.calls[index].stage = .remove }
        case .due:
            if let first = call.unfinished.first {
                world.calls[index].stage = .settle(row: first.row, changedAt: first.changedAt)
            } else if call.suspensions.isEmpty, call.removals.isEmpty {
                end(&world, index)
            }
        default: break
        }
        if world.calls[index].stage == .remove, world.calls[index].removals.isEmpty { end(&world, index) }
    }

    private func end(_ world: inout World, _ index: Int) {
        world.calls[index] = World.Call(stage: .over)
        guard case .revoke(let id) = scenario.operations[index] else { return }
        let generation = world.rows[world.row(id)].shown.generation
        let works = world.rows.contains {
            $0.isLive && $0.shown.owner == 1 && $0.shown.generation <= generation && $0.isExcused
                && !$0.isResumedByOperator
        }
        if works { world.broken = .revoked }
    }

    // MARK: What an act hears

    private func heard(_ outcome: Outcome, _ request: LifeRequest, _ world: inout World, _ index: Int) {
        let call = world.calls[index]
        switch (call.stage, outcome) {
        case (.create(let generation), .done(let row)):
            guard call.began == world.now else {
                world.calls[index].stage = .listForCreate(generation: generation)
                return
            }
            var mark = call.mark
            mark.isConfirmed = true
            world.calls[index].stage = .confirm(row: row, mark)
        case (.create(let generation), _): world.calls[index].stage = .listForCreate(generation: generation)
        case (.confirm(let row, _), .done):
            answer(row, to: scenario.operations[index].target, &world, index)
        case (.confirm(let row, _), .notFound):
            world.calls[index].stage = .listForCreate(generation: world.rows[world.row(row)].shown.generation)
        case (.confirm(let row, _), _):
            world.calls[index].stage = .listForCreate(generation: world.rows[world.row(row)].shown.generation)
        case (.seal(let row, var mark), .done):
            // 3scale was slow: the seal is written once more.
            if world.now - mark.paused > 1 {
                mark.paused = world.now
                world.calls[index].stage = .seal(row: row, mark)
            } else {
                world.calls[index].stage = .suspend(row: row)
            }
        case (.reseal(let row, _), .done): world.calls[index].stage = .check(row: row)
        case (.lastSeal, .done): world.calls[index] = World.Call(stage: .over)
        case (.suspend(let row), .done):
            let shown = world.rows[world.row(row)].shown
            guard !decisions.vouches(shown, now: world.now, [.pause]) else {
                world.calls[index].stage = .check(row: row)
                return
            }
            world.calls[index].stage = .reseal(row: row, shown.mark.sealed(.pause, at: world.now))
        case (.suspend, .refused): again(&world, index)
        case (.suspend(let row), .unknown):
            world.calls[index].isUnsure = true
            world.calls[index].stage = .unseal(row: row)
        case (.unsealWrite, _): again(&world, index)
        case (.resume(let row, _, let mark), .done):
            let isClear = !isBeingStopped(world, row) && !world.rows[world.row(row)].isSuspendedByOperator
            if isClear {
                world.rows[world.row(row)].isExcused = false
                world.rows[world.row(row)].isAnswered = true
            }
            world.calls[index].stage = .describe(row: row, mark)
        case (.resume, .refused): again(&world, index)
        case (.resume, .unknown):
            world.calls[index].isUnsure = true
            again(&world, index)
        case (.describe, .unknown): again(&world, index)
        case (.describe, _): world.calls[index] = World.Call(stage: .over)
        case (.stop, .unknown), (.remove, .unknown): again(&world, index)
        case (.stop, .done) where !call.isSealed: world.calls[index].isSealed = true
        case (.stop, _):
            world.calls[index].stops.removeFirst()
            world.calls[index].isSealed = false
            finish(&world, index)
        case (.remove, _):
            world.calls[index].removals.removeFirst()
            finish(&world, index)
        case (.due, .done) where !call.suspensions.isEmpty: ended(request, &world, index)
        case (.due, _):
            world.calls[index].isSealed = false
            if call.suspensions.isEmpty {
                world.calls[index].removals.removeFirst()
            } else {
                world.calls[index].suspensions.removeFirst()
            }
            finish(&world, index)
        case (.settleWrite(let row, let changedAt, let mark, let purpose), .done):
            guard world.now - (purpose == .end ? mark.ended : mark.paused) > 1 else { return settled(&world, index) }
            world.calls[index].stage = .settleWrite(
                row: row, changedAt: changedAt, mark.sealed(purpose, at: world.now), purpose)
        case (.settleWrite(let row, let changedAt, _, _), _):
            world.unfinished.append(World.Suspension(row: row, changedAt: changedAt))
            settled(&world, index)
        default: world.calls[index].stage = .failed
        }
    }

    /// As `EndKey`: the seal was written, or the key suspended.
    private func ended(_ request: LifeRequest, _ world: inout World, _ index: Int) {
        let end = world.calls[index].suspensions[0]
        guard request == .suspend(row: end.row) else {
            if world.now - end.mark.ended > 1 {
                world.calls[index].suspensions[0].mark.ended = world.now
            } else {
                world.calls[index].isSealed = true
            }
            return
        }
        let shown = world.rows[world.row(end.row)].shown
        if shown.mark == end.mark, decisions.vouches(shown, now: world.now, [.end]) {
            settled(&world, index)
        } else {
            world.calls[index].stage = .settle(row: end.row, changedAt: shown.updatedAt)
        }
    }

    /// The act begins again at its listing.
    private func again(_ world: inout World, _ index: Int) {
        let call = world.calls[index]
        guard call.attempts < Self.attemptsMax else {
            world.calls[index] = World.Call(stage: .failed)
            return
        }
        world.calls[index] = World.Call(stage: .list, attempts: call.attempts, isUnsure: call.isUnsure)
    }

    private func answer(_ id: UInt8, to target: UInt8, _ world: inout World, _ index: Int) {
        world.calls[index] = World.Call(stage: .over)
        let row = world.row(id)
        if world.rows[row].isLive, !isBeingStopped(world, id) { world.rows[row].isAnswered = true }
        guard target == 1 else { return }
        if world.successor != 0, world.successor != id, !world.rows[world.row(world.successor)].isGone {
            world.broken = .successor
        }
        world.successor = id
    }

    /// As `ChangeKeys` writes down when a key went live, before its own write makes 3scale's time say something else.
    private func pinned(_ world: World, _ id: UInt8, _ keys: NamedKeys? = nil) -> LifeMark {
        let shown = world.rows[world.row(id)].shown
        var mark = shown.mark
        let since = (keys ?? decisions.keys(of: 1, world)).key(Int(id))?.liveSince
        if let since, decisions.time(since) != shown.createdAt { mark.live = decisions.time(since) }
        return mark
    }

    // MARK: 3scale

    func apply(_ request: LifeRequest, _ world: inout World, by call: UInt8) -> Outcome {
        let isSweep = scenario.operations[Int(call)] == .sweep
        switch request {
        case .create(let generation, let mark):
            let isTaken = world.rows.contains {
                !$0.isGone && $0.shown.owner == 1 && $0.shown.generation == generation
            }
            if isTaken { return .refused }
            let state: LifeState = scenario.needsApproval ? .pending : .live
            var row = World.Row(
                shown: .init(
                    id: UInt8(world.rows.count + 1), owner: 1, generation: generation, state: state, mark: mark,
                    author: call + 1, createdAt: world.now, updatedAt: world.now))
            if state == .live { row.liveAt = world.now }
            world.rows.append(row)
            return .done(row.shown.id)
        case .write(let id, let mark):
            let row = world.row(id)
            guard !world.rows[row].isGone else { return .notFound }
            if mark.expires != world.rows[row].shown.mark.expires {
                // By an act that had listed it before a person edited it.
                world.rows[row].movedFrom = end(of: world.rows[row], world) ?? -1
                world.rows[row].movedAt = world.now
            }
            world.rows[row].shown.mark = mark
            world.rows[row].shown.updatedAt = world.now
            if mark.isConfirmed, world.rows[row].confirmedAt < 0 { world.rows[row].confirmedAt = world.now }
            if decisions.vouches(world.rows[row].shown, now: world.now) { world.rows[row].isTakenForOperators = false }
            note(row, isSweep, &world)
            return .done(id)
        case .suspend(let id):
            let row = world.row(id)
            guard !world.rows[row].isGone else { return .notFound }
            guard world.rows[row].shown.state == .live else { return .refused }
            if !mayStop(world.rows[row], world) { world.broken = .stopped }
            world.rows[row].shown.state = .suspended
            world.rows[row].shown.updatedAt = world.now
            world.rows[row].suspendedAt = world.now
            // Its end was moved while the sweep was ending it.
            if isSweep, isMoved(world.rows[row], world) { world.rows[row].isExcused = true }
            world.rows[row].isTakenForOperators = !decisions.vouches(world.rows[row].shown, now: world.now)
            note(row, isSweep, &world)
            world.rows[row].isEndedBySweep = isSweep
            return .done(id)
        case .resume(let id):
            let row = world.row(id)
            guard !world.rows[row].isGone else { return .notFound }
            guard world.rows[row].shown.state == .suspended else { return .refused }
            if world.rows[row].isSuspendedByOperator { world.broken = .operators }
            world.rows[row].isTakenForOperators = false
            world.rows[row].isEndedBySweep = false
            world.rows[row].shown.state = .live
            world.rows[row].shown.updatedAt = world.now
            note(row, isSweep, &world)
            return .done(id)
        case .remove(let id):
            let row = world.row(id)
            guard !world.rows[row].isGone else { return .notFound }
            if world.rows[row].isSuspendedByOperator { world.broken = .operators }
            if isSweep {
                // The operator resumed it while the sweep was deleting it.
                let resumedAt = world.rows[row].resumedAt
                if resumedAt >= 0, isRecent(resumedAt, world) { world.rows[row].isExcused = true }
            } else if world.rows[row].isLive {
                // What works is suspended before it is deleted.
                world.rows[row].isWithdrawn = true
                world.rows[row].suspendedAt = world.now
            }
            if world.rows[row].isLive, !mayStop(world.rows[row], world) { world.broken = .stopped }
            world.rows[row].isGone = true
            note(row, isSweep, &world)
            return .done(id)
        }
    }

    /// Another owner's key is touched by the sweep alone, and only after its end.
    private func note(_ row: Int, _ isSweep: Bool, _ world: inout World) {
        guard world.rows[row].shown.owner != 1 else { return }
        let isOver = mayStop(world.rows[row], world) || world.rows[row].isEndedBySweep
        if !isSweep || !isOver { world.broken = .foreign }
    }

    // MARK: What must hold, by the history alone

    private func mayStop(_ row: World.Row, _ world: World) -> Bool {
        row.isExcused || !row.shown.mark.isConfirmed
            || end(of: row, world).map { $0 - LifeTime.window(.pause) <= world.now } ?? false
    }

    /// A sweep may have listed it before a person moved its end.
    private func isMoved(_ row: World.Row, _ world: World) -> Bool {
        row.movedAt >= 0 && isRecent(row.movedAt, world)
    }

    private func isRecent(_ time: Int32, _ world: World) -> Bool { world.now - time <= 2 * LifeTime.moment }

    /// The first time at which a newer generation has been live for its grace, or the row's own end.
    func end(of row: World.Row, _ world: World) -> Int32? {
        var ends: [Int32] = row.shown.mark.expires < 0 ? [] : [row.shown.mark.expires]
        if isMoved(row, world), row.movedFrom >= 0 { ends.append(row.movedFrom) }
        for other in world.rows
        where other.shown.owner == row.shown.owner && other.shown.generation > row.shown.generation {
            // A sweep may have listed it before the operator suspended it.
            let hasNoSay = other.isSuspendedByOperator || other.isTakenForOperators || other.isWithdrawn
            guard other.liveAt >= 0, other.confirmedAt >= 0, !hasNoSay || isRecent(other.suspendedAt, world) else {
                continue
            }
            ends.append(max(other.liveAt, other.confirmedAt) + other.shown.mark.grace)
        }
        return ends.min()
    }

    func checked(_ world: World) -> World {
        guard world.broken == nil else { return world }
        for row in world.rows where row.isAnswered && !row.isExcused && row.shown.mark.isConfirmed {
            if row.shown.mark.expires >= 0, row.shown.mark.expires <= world.now { continue }
            let isNewest = !world.rows.contains {
                $0.shown.owner == row.shown.owner && $0.shown.generation > row.shown.generation
                    && $0.confirmedAt >= 0 && $0.liveAt >= 0
            }
            guard isNewest, !world.rows.contains(where: { $0.isLive && $0.shown.owner == row.shown.owner }) else {
                continue
            }
            var broken = world
            broken.broken = .works
            return broken
        }
        return world
    }

    /// Days pass in which the sweep alone is at work; then what must hold at rest.
    func atRest(_ world: World) -> LifeInvariant? {
        var rest = world
        rest.orphans = []
        for _ in 0..<6 {
            for _ in 0..<4 {
                guard isAnythingDue(rest) else { break }
                guard let sweeper = scenario.operations.firstIndex(of: .sweep) else { return nil }
                rest.calls[sweeper] = World.Call(stage: .listAgain)
                look(&rest, sweeper)
                while !rest.calls[sweeper].isOver {
                    guard let request = request(rest, sweeper) else {
                        look(&rest, sweeper)
                        continue
                    }
                    let outcome = apply(request, &rest, by: UInt8(sweeper))
                    heard(outcome, request, &rest, sweeper)
                    rest = checked(rest)
                    if let broken = rest.broken { return broken }
                }
            }
            rest.now += LifeTime.day
            rest = checked(rest)
            if let broken = rest.broken { return broken }
        }
        for row in rest.rows where row.isLive && row.shown.mark.isConfirmed && !row.isResumedByOperator {
            if let end = end(of: row, rest), end < rest.now - LifeTime.day { return .ended }
            let isOld = rest.rows.contains {
                !$0.isGone && $0.shown.owner == row.shown.owner && $0.shown.generation > row.shown.generation
                    && $0.confirmedAt >= 0 && $0.liveAt >= 0 && !$0.isSuspendedByOperator && !$0.isTakenForOperators
            }
            if isOld { return .rest }
        }
        let isLeft = rest.rows.contains { !$0.isGone && $0.isEndedBySweep && !$0.isSuspendedByOperator }
        if scenario.endsAreDeleted, isLeft { return .deleted }
        return nil
    }
}
