import HelperCore
import Testing

private let owner = OwnerMark(issuer: "i", subject: "s")
private let seal = PauseSeal { [1, 2, 3] }
private let day = 86_400

private func application(
    _ id: Int, _ members: String? = "ok", _ state: Application.State = .live, service: Int = 7, plan: Int = 1,
    created: Int? = 0, updated: Int? = nil, owner: OwnerMark = owner
) -> Application {
    Application(
        id: id, serviceID: service, accountID: 1, plan: PlanReference(id: plan, name: "Basic"), state: state,
        description: members.map { "[mlaas owner=\(owner) \($0)]" }, credentials: .userKey("key-\(id)"),
        createdAt: created, updatedAt: updated ?? created)
}

/// One that the helper suspended at a time, since its end had come.
private func ended(_ id: Int, _ members: String = "ok", at time: Int, created: Int? = 0) -> Application {
    application(
        id, "ended=\(seal.text(application: id, at: time, for: .end)) \(members)", .suspended, created: created,
        updated: time)
}

private func keys(
    _ applications: [Application], at now: Int, lifetimeMax: Int? = nil, grace: Int = day, adoptsUnmarked: Bool = true,
    approvalPlans: Set<Int> = []
) -> NamedKeys {
    var rules = KeyRules()
    rules.lifetimeMax = lifetimeMax
    rules.grace = grace
    return NamedKeys(
        applications, owner: owner, adoptsUnmarked: adoptsUnmarked, approvalPlans: approvalPlans, rules: rules,
        seal: seal, now: now)
}

private func states(_ keys: NamedKeys) -> [Int: KeyState] {
    Dictionary(keys.keys.map { ($0.application.id, $0.state) }, uniquingKeysWith: { first, _ in first })
}

@Suite("Keys and their generations")
struct NamedKeysTests {
    @Test("the owner's confirmed applications, and what has no mark, by service, name and descending generation")
    func order() throws {
        let other = OwnerMark(issuer: "i", subject: "t")
        let found = [
            application(1), application(2, "gen=2 ok"), application(3, "key=ci ok"), application(4, nil, service: 6),
            application(5, "key=ci gen=2 attempt=0f"), application(6, "gen=3"),
        ]
        let all = keys(found, at: 10)
        #expect(all.keys.map(\.application.id) == [4, 3, 6, 2, 1])
        #expect(keys(found, at: 10, adoptsUnmarked: false).keys.map(\.application.id) == [3, 6, 2, 1])
        let foreign = found + [application(7, owner: other)]
        #expect(keys(foreign, at: 10).keys.map(\.application.id) == [3, 6, 2, 1])
        #expect(all.key(2)?.replaces == 1 && all.key(6)?.replaces == 2 && all.key(1)?.replaces == nil)
        #expect(all.key(5) == nil && all.current(of: .standard, service: 7)?.application.id == 6)
        #expect(try all.current(of: #require(KeyName("ci")), service: 7)?.application.id == 3)
    }

    @Test("a key is live, pending or suspended as 3scale says")
    func plain() {
        let found = keys(
            [application(1), application(2, "key=b ok", .pending), application(3, "key=c ok", .suspended)], at: 10)
        #expect(states(found) == [1: .live, 2: .pending, 3: .suspended])
        #expect(found.duties.isEmpty)
    }

    // MARK: Rotation

    @Test("a rotation creates the next generation once, and names the one that replaced a key ever after")
    func rotation() {
        #expect(keys([application(1)], at: 10).rotation(of: 1) == .create(generation: 2))
        // A crash before the confirmation: the same generation, and so the same application id, is created.
        let crashed = keys([application(1), application(2, "gen=2 attempt=0f")], at: 10)
        #expect(crashed.rotation(of: 1) == .create(generation: 2) && states(crashed) == [1: .live])
        let rotated = [application(1), application(2, "gen=2 ok", created: 10)]
        #expect(keys(rotated, at: 11).rotation(of: 1) == .replaced(by: 2))
        // A second rotation during the grace.
        #expect(keys(rotated, at: 11).rotation(of: 2) == .create(generation: 3))
        let twice = rotated + [application(3, "gen=3 ok", created: 20)]
        #expect(keys(twice, at: 21).rotation(of: 1) == .replaced(by: 2))
        #expect(keys(twice, at: 21).rotation(of: 2) == .replaced(by: 3))
        #expect(keys(twice, at: 21).rotation(of: 9) == nil)
        #expect(keys([application(1, "gen=1000000 ok")], at: 10).rotation(of: 1) == .exhausted)
    }

    @Test("a key that does not work is not rotated")
    func refusedRotation() {
        #expect(keys([application(1, "ok", .pending)], at: 10).rotation(of: 1) == .refused(.pending))
        #expect(keys([application(1, "ok", .suspended)], at: 10).rotation(of: 1) == .refused(.suspended))
        #expect(keys([application(1, "expires=5 ok")], at: 10).rotation(of: 1) == .refused(.expired))
    }

    @Test("the old generation retires the grace after the new one went live, and at every instant one works")
    func retirement() {
        var old = application(1)
        let new = application(2, "gen=2 grace=100 ok", created: 1_000)
        for now in stride(from: 1_000, through: 1_099, by: 33) {
            let found = keys([old, new], at: now)
            #expect(states(found) == [1: .retiring, 2: .live] && found.key(1)?.retiresAt == 1_100)
            #expect(found.current(of: .standard, service: 7)?.application.id == 2)
        }
        var found = keys([old, new], at: 1_100)
        #expect(states(found) == [1: .expired, 2: .live])
        #expect(found.duties == [.suspend(application: 1, at: 1_100)])
        // The suspension was carried out, and nothing after it.
        old = ended(1, at: 1_100)
        found = keys([old, new], at: 1_200)
        #expect(states(found) == [1: .expired, 2: .live])
        #expect(found.duties == [.delete(application: 1, at: 1_100 + day)])
        #expect(keys([new], at: 1_200).duties.isEmpty)
    }

    @Test("the longest allowed grace bounds what the mark says")
    func graceMax() {
        let found = keys([application(1), application(2, "gen=2 grace=99999999 ok", created: 10)], at: 11)
        #expect(found.key(1)?.retiresAt == 10 + 7 * day)
    }

    @Test("a successor that awaits approval retires no generation; the approval starts the grace")
    func approval() {
        let old = application(1, plan: 2)
        let pending = application(2, "gen=2 ok", .pending, plan: 2, created: 10)
        var found = keys([old, pending], at: 10 * day, approvalPlans: [2])
        #expect(states(found) == [1: .live, 2: .pending] && found.rotation(of: 1) == .replaced(by: 2))
        #expect(found.current(of: .standard, service: 7)?.application.id == 1)
        let approved = application(2, "gen=2 ok", plan: 2, created: 10, updated: 10 * day)
        found = keys([old, approved], at: 10 * day, approvalPlans: [2])
        #expect(states(found) == [1: .retiring, 2: .live] && found.key(1)?.retiresAt == 11 * day)
        // The helper writes down when the approval was before it changes anything else.
        let edited = application(2, "gen=2 live=\(10 * day) ok", plan: 2, created: 10, updated: 10 * day + 500)
        #expect(keys([old, edited], at: 10 * day + 500, approvalPlans: [2]).key(1)?.retiresAt == 11 * day)
    }

    @Test("a successor that a later call finished starts the grace when it was finished")
    func finished() {
        let found = keys(
            [application(1), application(2, "gen=2 ok live=5000", created: 10, updated: 5_000)], at: 6_000)
        #expect(states(found) == [1: .retiring, 2: .live] && found.key(1)?.retiresAt == 5_000 + day)
        // The description can be edited: no time after the last change counts.
        let edited = keys(
            [application(1), application(2, "gen=2 ok live=9999", created: 10, updated: 5_000)], at: 6_000)
        #expect(edited.key(1)?.retiresAt == 5_000 + day)
        let early = keys([application(1), application(2, "gen=2 ok live=1", created: 10, updated: 5_000)], at: 6_000)
        #expect(early.key(1)?.retiresAt == 10 + day)
    }

    @Test("a successor that the operator suspended gives the name back to the old generation")
    func suspendedSuccessor() {
        let found = keys([application(1), application(2, "gen=2 ok", .suspended, created: 10)], at: 3 * day)
        #expect(states(found) == [1: .live, 2: .suspended] && found.duties.isEmpty)
        #expect(found.current(of: .standard, service: 7)?.application.id == 1)
    }

    @Test("a successor that its owner paused, or that expired, retires the old generation all the same")
    func pausedSuccessor() {
        let paused = application(
            2, "gen=2 paused=\(seal.text(application: 2, at: 50)) ok", .suspended, created: 10, updated: 51)
        #expect(states(keys([application(1), paused], at: 100)) == [1: .retiring, 2: .paused])
        #expect(states(keys([application(1), paused], at: 2 * day)) == [1: .expired, 2: .paused])
        let expired = ended(2, "gen=2 expires=60 ok", at: 60, created: 10)
        #expect(states(keys([application(1), expired], at: 100)) == [1: .retiring, 2: .expired])
    }

    @Test("a generation that retired before its successor was replaced stays ended")
    func chain() {
        let found = keys(
            [
                ended(1, at: 110), ended(2, "gen=2 grace=100 ok", at: 5_200, created: 10),
                application(3, "gen=3 grace=5000 ok", created: 200),
            ], at: 6_000)
        #expect(states(found) == [1: .expired, 2: .expired, 3: .live])
        #expect(found.key(1)?.retiresAt == 110 && found.key(2)?.retiresAt == 5_200)
    }

    @Test("what has no mark is never retired and never ended")
    func unmarked() {
        let found = keys([application(1, nil), application(2, "gen=2 ok", created: 10)], at: 9 * day, lifetimeMax: day)
        #expect(found.key(1)?.retiresAt == nil)
        #expect(found.duties == [.suspend(application: 2, at: day + 10)])
    }

    // MARK: Expiry

    @Test("the longest life counts from created_at, whatever the description says")
    func lifetime() {
        for members in ["ok", "expires=99999999999 ok", "expires=x ok", "live=99999 gen=1 ok"] {
            let found = keys([application(1, members, created: 100)], at: 200, lifetimeMax: day)
            #expect(found.key(1)?.expiresAt == day + 100)
        }
        #expect(
            keys([application(1, "expires=150 ok", created: 100)], at: 200, lifetimeMax: day).key(1)?.state == .expired)
        #expect(keys([application(1, "ok")], at: 200).key(1)?.expiresAt == nil)
    }

    @Test("what is not confirmed is deleted at the end of the longest life, unless the operator suspended it")
    func lifetimeOfUnconfirmed() {
        let left = application(1, "attempt=0f expires=150", created: 100)
        #expect(keys([left], at: 200, lifetimeMax: day).duties == [.delete(application: 1, at: day + 100)])
        #expect(keys([left], at: 200, lifetimeMax: day).keys.isEmpty && keys([left], at: 200).duties.isEmpty)
        let suspended = application(1, "attempt=0f", .suspended, created: 100)
        #expect(keys([suspended], at: 2 * day, lifetimeMax: day).duties.isEmpty)
    }

    @Test("an expired key is suspended at its time and deleted a day later")
    func expiry() {
        let live = keys([application(1, "expires=500 ok")], at: 499)
        #expect(states(live) == [1: .live] && live.duties == [.suspend(application: 1, at: 500)])
        #expect(states(keys([application(1, "expires=500 ok")], at: 500)) == [1: .expired])
        let suspended = keys([ended(1, "expires=500 ok", at: 500)], at: 600)
        #expect(states(suspended) == [1: .expired])
        #expect(suspended.duties == [.delete(application: 1, at: 500 + day)])
    }

    @Test("a key that was suspended long after its end is deleted a day after its suspension")
    func lateSuspension() {
        let late = ended(1, "expires=500 ok", at: 9 * day)
        #expect(keys([late], at: 9 * day).duties == [.delete(application: 1, at: 10 * day)])
    }

    @Test("a key that the operator suspended does not count as ended when its end is moved afterwards")
    func movedAfterSuspension() {
        // The person or the operator edited it; the operator lowered the longest life.
        let edited = application(1, "expires=1 ok", .suspended, updated: 700)
        let old = application(2, "key=b ok", .suspended, updated: 700)
        let found = keys([edited, old], at: 800, lifetimeMax: 600)
        #expect(states(found) == [1: .suspended, 2: .suspended] && found.duties.isEmpty)
    }

    @Test("a key that the helper ended stays ended when its end is moved, until someone changes the application")
    func movedAfterEnd() {
        let moved = ended(1, "expires=99999 ok", at: 500)
        #expect(states(keys([moved], at: 600)) == [1: .expired])
        #expect(keys([moved], at: 600).duties == [.delete(application: 1, at: 500 + day)])
        #expect(states(keys([moved.changed(.suspended, at: 521)], at: 600)) == [1: .suspended])
        #expect(states(keys([moved.changed(.suspended, at: 520)], at: 600)) == [1: .expired])
        #expect(states(keys([moved.changed(.live, at: 520)], at: 600)) == [1: .live])
        // Its successor is gone, or has no say any more.
        #expect(keys([ended(1, at: 500)], at: 600).duties == [.delete(application: 1, at: 500 + day)])
    }

    @Test("a seal of an end is none of a pause, of another key, or of another time")
    func sealOfEnd() {
        func state(_ member: String, updated: Int) -> KeyState? {
            keys([application(1, "expires=90 \(member) ok", .suspended, updated: updated)], at: 200).key(1)?.state
        }
        let text = seal.text(application: 1, at: 100, for: .end)
        #expect(state("ended=\(text)", updated: 120) == .expired)
        #expect(state("ended=\(text)", updated: 121) == .suspended)
        #expect(state("ended=\(text)", updated: 96) == .suspended)
        #expect(state("paused=\(text)", updated: 100) == .suspended)
        #expect(state("ended=\(seal.text(application: 1, at: 100))", updated: 100) == .suspended)
        #expect(state("ended=\(seal.text(application: 2, at: 100, for: .end))", updated: 100) == .suspended)
        #expect(state("ended=100", updated: 100) == .suspended)
    }

    @Test("what the helper writes pins the approval of a successor, so that the old generation keeps its grace")
    func endedSuccessorKeepsGrace() throws {
        let plans: Set<Int> = [2]
        let live = application(2, "gen=2 grace=1000 expires=500 ok", plan: 2, created: 10, updated: 50)
        let mark = try #require(keys([application(1), live], at: 499, approvalPlans: plans).key(2)?.pinnedMark)
        #expect(mark.liveSince == 50)
        #expect(keys([application(1)], at: 499).key(1)?.pinnedMark == application(1).mark)
    }

    @Test("a key that the operator suspended stays so after its end, and is never deleted")
    func suspendedBefore() {
        for now in [499, 500, 10 * day] {
            let found = keys([application(1, "expires=500 ok", .suspended, updated: 499)], at: now)
            #expect(states(found) == [1: .suspended] && found.duties.isEmpty)
        }
        let paused = application(
            1, "expires=500 paused=\(seal.text(application: 1, at: 90)) ok", .suspended, updated: 91)
        #expect(states(keys([paused], at: 600)) == [1: .expired])
        #expect(keys([paused], at: 600).duties == [.delete(application: 1, at: 500 + day)])
    }

    @Test("an ended generation is deleted after those that it retires, which would work on without it")
    func deletion() {
        let second = ended(2, "gen=2 grace=\(7 * day) expires=500 ok", at: 500, created: 10)
        var found = keys([application(1), second], at: 3 * day)
        #expect(found.duties == [.suspend(application: 1, at: 7 * day + 10)])
        let retired = ended(1, at: 7 * day + 10)
        found = keys([retired, second], at: 8 * day + 10)
        #expect(found.duties == [.delete(application: 1, at: 8 * day + 10)])
        #expect(keys([second], at: 8 * day + 10).duties == [.delete(application: 2, at: 500 + day)])
    }

    // MARK: Pause

    @Test("only a pause that the helper sealed, and that the suspension followed, counts as the owner's")
    func pause() {
        let text = seal.text(application: 1, at: 100)
        func state(_ pause: String, updated: Int, id: Int = 1, _ state: Application.State = .suspended) -> KeyState? {
            keys([application(id, "paused=\(pause) ok", state, updated: updated)], at: 200).key(id)?.state
        }
        #expect(state(text, updated: 101) == .paused)
        // A crash between the description and the suspension.
        #expect(state(text, updated: 100, .live) == .live)
        // The operator suspended it later, and the owner put the old member back, or made one up, or took another key's.
        #expect(state(text, updated: 161) == .suspended)
        #expect(state("150.0000000000000000", updated: 150) == .suspended)
        #expect(state("150", updated: 150) == .suspended)
        #expect(state(text, updated: 101, id: 2) == .suspended)
        let other = PauseSeal { [9] }.text(application: 1, at: 100)
        #expect(state(other, updated: 101) == .suspended)
    }

    // MARK: Revocation

    @Test(
        "revoking a key stops the generations before it as well, the oldest first, none after it, and none that it has not replaced"
    )
    func revocation() {
        let found = keys(
            [application(1), application(2, "gen=2 ok", created: 10), application(3, "gen=3 ok", created: 20)], at: 30)
        #expect(found.revoked(with: 3).map(\.application.id) == [1, 2, 3])
        #expect(found.revoked(with: 1).map(\.application.id) == [1])
        #expect(found.revoked(with: 9).isEmpty)
        let pending = keys([application(1, plan: 2), application(2, "gen=2 ok", .pending, plan: 2)], at: 30)
        #expect(pending.revoked(with: 2).map(\.application.id) == [2])
        let portal = keys([application(1, nil), application(2, "gen=2 ok")], at: 30)
        #expect(portal.revoked(with: 2).map(\.application.id) == [2])
        #expect(portal.revoked(with: 1).map(\.application.id) == [1])
    }
}
