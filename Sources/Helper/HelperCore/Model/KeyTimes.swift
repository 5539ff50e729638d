/// When the generations of an API key begin and end, and what state each is in: one application beside the facts that decide it.
struct KeyTimes: Sendable {
    let approvalPlans: Set<Int>
    let rules: KeyRules
    let seal: PauseSeal
    let now: Int

    /// The generations of one name, the newest first, since a newer one says when those before it retire: the first time at which
    /// one of them, live for its grace, makes them superfluous. One that awaits approval or that the operator suspended has no say.
    func keys(named name: KeyName, _ group: [Application]) -> [NamedKeys.Key] {
        var keys: [NamedKeys.Key] = []
        var retiresAt: Int?
        let generations = Dictionary(grouping: group, by: \.generation).sorted { $0.key > $1.key }
        for (index, (_, applications)) in generations.enumerated() {
            let before = generations.dropFirst(index + 1).lazy.compactMap { _, older in
                older.filter { $0.mark != nil }.map(\.id).min()
            }.first
            let made = applications.map { key($0, name, retiresAt, replaces: before) }
            keys += made
            for key in made where key.application.mark != nil {
                guard key.state != .suspended, let liveSince = key.liveSince else { continue }
                let end = liveSince + grace(of: key.application)
                retiresAt = min(retiresAt ?? end, end)
            }
        }
        return keys
    }

    private func key(
        _ application: Application, _ name: KeyName, _ retirement: Int?, replaces: Int?
    ) -> NamedKeys.Key {
        let expiresAt = expiry(of: application)
        let retiresAt = application.mark == nil || application.state == .pending ? nil : retirement
        return NamedKeys.Key(
            application: application, name: name, state: state(of: application, expiresAt, retiresAt),
            expiresAt: expiresAt, retiresAt: retiresAt, endedAt: endedAt(application),
            liveSince: liveSince(application), replaces: replaces)
    }

    /// An unconfirmed application. Only the longest life of a key ends it: a later call may finish it, and give it another end.
    func unconfirmed(_ application: Application) -> NamedKeys.Key {
        NamedKeys.Key(
            application: application, name: application.mark?.name ?? .standard, state: .pending,
            expiresAt: rules.lifetimeEnd(of: application), retiresAt: nil, endedAt: nil, liveSince: nil, replaces: nil)
    }

    /// What was suspended counts as ended, or as paused, by the helper's seal alone. Without one it is the operator's, whatever the
    /// end of the key is: people and rules may move that end afterwards.
    func state(of application: Application, _ expiresAt: Int?, _ retiresAt: Int?) -> KeyState {
        let hasExpired = expiresAt.map { $0 <= now } ?? false
        let end = [expiresAt, retiresAt].compactMap(\.self).min()
        let hasEnded = end.map { $0 <= now } ?? false
        return switch application.state {
        case .pending: hasExpired ? .expired : .pending
        case .live where hasEnded: .expired
        case .live: retiresAt == nil ? .live : .retiring
        case .suspended where endedAt(application) != nil: .expired
        case .suspended where seal.vouches(for: application, .pause): hasEnded ? .expired : .paused
        case .suspended: .suspended
        }
    }

    /// When the helper suspended it because its time was over; nil when it did not.
    func endedAt(_ application: Application) -> Int? {
        application.state == .suspended && seal.vouches(for: application, .end) ? application.updatedAt : nil
    }

    func expiry(of application: Application) -> Int? { rules.expiry(of: application) }

    func grace(of application: Application) -> Int {
        min(max(application.mark?.graceSeconds ?? rules.grace, 0), rules.graceMax)
    }

    /// Without approval an application is live when it is created, or when a later call finished what one that died had begun. With
    /// it, its last change is the approval, until the helper changes something else. The helper writes down both.
    func liveSince(_ application: Application) -> Int? {
        guard application.state != .pending, let createdAt = application.createdAt else { return nil }
        let changedAt = application.updatedAt ?? createdAt
        let needsApproval = approvalPlans.contains(application.plan.id)
        return min(max(application.mark?.liveSince ?? (needsApproval ? changedAt : createdAt), createdAt), changedAt)
    }
}
