import HelperCore

/// What the shipped values make of a listing, each asked once.
final class LifeDecisions {
    struct Listing: Hashable {
        let rows: [LifeWorld.Shown]
        let now: Int32
        let owner: UInt8
        /// As the sweep reads it, where a rule is taken away.
        let isAltered: Bool
    }

    private struct Seal: Hashable {
        let id: UInt8
        let time: Int32
        let purpose: PauseSeal.Purpose
    }

    private let scenario: LifeScenario
    private var known: [Listing: NamedKeys] = [:]
    private var seals: [Seal: String] = [:]
    private let seal = PauseSeal { [7] }
    private let rules = KeyRules()
    private let owners = [
        OwnerMark(issuer: "https://sso.example.com", subject: "1"),
        OwnerMark(issuer: "https://sso.example.com", subject: "2"),
    ]

    init(_ scenario: LifeScenario) { self.scenario = scenario }

    /// The keys of an owner, as `SweepKeys` and `FindKeys` see them.
    func keys(of owner: UInt8, _ world: LifeWorld, isSweep: Bool = false) -> NamedKeys {
        let shown = world.rows.filter { !$0.isGone }.map(\.shown)
        let listing = Listing(rows: shown, now: world.now, owner: owner, isAltered: isSweep)
        if let keys = known[listing] { return keys }
        let keys = NamedKeys(
            shown.map { application(isSweep ? altered($0) : $0, now: world.now) }, owner: owners[Int(owner) - 1],
            adoptsUnmarked: false, approvalPlans: [2], rules: rules, seal: seal, now: seconds(world.now))
        known[listing] = keys
        return keys
    }

    func seconds(_ time: Int32) -> Int { LifeTime.origin + Int(time) }

    func time(_ seconds: Int) -> Int32 { Int32(clamping: seconds - LifeTime.origin) }

    /// Whether a suspension counts as the helper's.
    func vouches(_ shown: LifeWorld.Shown, now: Int32, _ purposes: [PauseSeal.Purpose] = PauseSeal.Purpose.allCases)
        -> Bool
    {
        let application = application(shown, now: now)
        return purposes.contains { seal.vouches(for: application, $0) }
    }

    private func altered(_ shown: LifeWorld.Shown) -> LifeWorld.Shown {
        var shown = shown
        let isSuccessor = shown.generation > 1
        switch scenario.without {
        case .pendingSuccessor where isSuccessor && shown.state == .pending: shown.state = .live
        case .suspendedSuccessor
        where isSuccessor && shown.state == .suspended && shown.mark.paused < 0 && shown.mark.ended < 0:
            shown.state = .live
        case .grace where isSuccessor: shown.mark.grace = 0
        case .finishedLater: shown.mark.live = -1
        case .confirmed where isSuccessor: shown.mark.isConfirmed = true
        case .operatorsStay where shown.state == .suspended: shown.mark.paused = shown.updatedAt
        case .sealed where shown.state == .suspended && !vouches(shown, now: shown.updatedAt):
            let isOver = shown.mark.expires >= 0 && shown.mark.expires <= shown.updatedAt
            if isOver { shown.mark = shown.mark.sealed(.end, at: shown.updatedAt) }
        default: break
        }
        return shown
    }

    private func application(_ shown: LifeWorld.Shown, now: Int32) -> Application {
        let state: Application.State =
            switch shown.state {
            case .live: .live
            case .pending: .pending
            case .suspended: .suspended
            }
        var owner = owners[Int(shown.owner) - 1]
        if scenario.without == .ownersApart { owner = owners[0] }
        var mark = ApplicationMark(
            owner: owner, attempt: "\(shown.author)", generation: Int(shown.generation),
            expiresAt: shown.mark.expires < 0 ? nil : seconds(shown.mark.expires), graceSeconds: Int(shown.mark.grace))
        if shown.mark.isConfirmed { mark = mark.confirmed }
        if shown.mark.live >= 0 { mark = mark.live(since: seconds(shown.mark.live)) }
        if shown.mark.paused >= 0 { mark = mark.sealed(text(shown.id, shown.mark.paused, .pause), for: .pause) }
        if shown.mark.ended >= 0 { mark = mark.sealed(text(shown.id, shown.mark.ended, .end), for: .end) }
        if shown.mark.ended == LifeMark.void { mark = mark.sealed("void", for: .end) }
        // Only a successor's plan may need an approval.
        let plan = scenario.needsApproval && shown.generation > 1 ? 2 : 1
        return Application(
            id: Int(shown.id), serviceID: 1, accountID: 1, plan: PlanReference(id: plan, name: "Plan"), state: state,
            description: mark.description, credentials: .userKey("key"), age: Int(now - shown.createdAt),
            unchangedFor: Int(now - shown.updatedAt), createdAt: seconds(shown.createdAt),
            updatedAt: seconds(shown.updatedAt))
    }

    private func text(_ id: UInt8, _ time: Int32, _ purpose: PauseSeal.Purpose) -> String {
        let key = Seal(id: id, time: time, purpose: purpose)
        if let known = seals[key] { return known }
        let text = seal.text(application: Int(id), at: seconds(time), for: purpose)
        seals[key] = text
        return text
    }
}
