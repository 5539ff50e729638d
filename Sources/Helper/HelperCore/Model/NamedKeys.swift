/// The API keys that an owner has on one account: which applications form which key, what state each is in, and what follows at
/// which time. Everything is derived from what 3scale lists, so that a crash between any two writes leaves nothing that a
/// later look does not see. Times are seconds since 1970.
package struct NamedKeys: Sendable {
    /// One generation of a key: an application.
    package struct Key: Sendable {
        package let application: Application
        package let name: KeyName
        package let state: KeyState
        /// When the owner or the operator's rules end it.
        package let expiresAt: Int?
        /// When it stops because a newer generation is live.
        package let retiresAt: Int?
        /// When the helper suspended it because its time was over, whatever its end is by now.
        package let endedAt: Int?
        /// When it began to work, as far as 3scale tells.
        package let liveSince: Int?
        /// The application of the generation before, where it still exists.
        package let replaces: Int?

        package var generation: Int { application.generation }

        /// The earlier of both ends; when it ended where it has.
        package var endsAt: Int? { endedAt ?? [expiresAt, retiresAt].compactMap(\.self).min() }

        /// The mark that the helper writes: with the time since which the key works, where 3scale's `updated_at` tells it. Our own change
        /// must not count as the operator's approval.
        package var pinnedMark: ApplicationMark? {
            guard let liveSince, liveSince != application.createdAt else { return application.mark }
            return application.mark?.live(since: liveSince)
        }
    }

    /// How a rotation goes on.
    package enum Rotation: Sendable, Equatable {
        /// It has happened: the application that replaced the key.
        case replaced(by: Int)
        /// An application of this generation is to be created.
        case create(generation: Int)
        case refused(KeyState)
        /// No further generation can be counted.
        case exhausted
    }

    /// What the end of a key asks for.
    package enum Duty: Sendable, Equatable {
        case suspend(application: Int, at: Int)
        case delete(application: Int, at: Int)

        package var application: Int {
            switch self {
            case .suspend(let application, _), .delete(let application, _): application
            }
        }

        package var time: Int {
            switch self {
            case .suspend(_, let time), .delete(_, let time): time
            }
        }
    }

    /// How long an ended key stays in 3scale, in seconds from its end, or from its suspension where that came later.
    package static let deletionDelay = 86_400

    /// By service, name, descending generation, id.
    package let keys: [Key]
    /// What calls that died have left, and what people have edited to look like it. None of it is shown as a key.
    private let unconfirmed: [Key]

    private struct Identity: Hashable {
        let service: Int
        let name: KeyName
    }

    /// - Parameters:
    ///   - applications: all of the account.
    ///   - adoptsUnmarked: those without a mark belong to the account's name.
    ///   - approvalPlans: the plans that need an approval.
    ///   - now: by 3scale's clock.
    package init(
        _ applications: [Application], owner: OwnerMark, adoptsUnmarked: Bool = true, approvalPlans: Set<Int> = [],
        rules: KeyRules, seal: PauseSeal, now: Int
    ) {
        let hasForeignOwner = applications.contains { $0.owner != nil && $0.owner != owner }
        let own = applications.filter { application in
            guard let mark = application.mark else { return adoptsUnmarked && !hasForeignOwner }
            return mark.owner == owner && !mark.isProvisional
        }
        let times = KeyTimes(approvalPlans: approvalPlans, rules: rules, seal: seal, now: now)
        let groups = Dictionary(grouping: own) {
            Identity(service: $0.serviceID, name: $0.mark?.name ?? .standard)
        }
        keys = groups.flatMap { times.keys(named: $0.name, $1) }.sorted { Self.order($0) < Self.order($1) }
        unconfirmed = applications.filter { $0.owner == owner && $0.mayBeDeleted }.map { times.unconfirmed($0) }
    }

    private static func order(_ key: Key) -> (Int, String, Int, Int) {
        (key.application.serviceID, key.name.description, -key.generation, key.application.id)
    }

    /// The key that is an application.
    package func key(_ application: Int) -> Key? { keys.first { $0.application.id == application } }

    /// The same, also where it is not confirmed.
    func ending(_ application: Int) -> Key? {
        key(application) ?? unconfirmed.first { $0.application.id == application }
    }

    /// All generations of a name on a service, the newest first.
    package func generations(of name: KeyName, service: Int) -> [Key] {
        keys.filter { $0.application.serviceID == service && $0.name == name }
    }

    /// The newest generation that works; nil when none does.
    package func current(of name: KeyName, service: Int) -> Key? {
        generations(of: name, service: service).first { $0.state == .live || $0.state == .retiring }
    }

    // MARK: Acts

    /// - Returns: nil when the application is not one of the owner's keys.
    package func rotation(of application: Int) -> Rotation? {
        guard let key = key(application) else { return nil }
        let newer = generations(of: key.name, service: key.application.serviceID).last {
            $0.generation > key.generation
        }
        if let newer { return .replaced(by: newer.application.id) }
        guard key.state == .live else { return .refused(key.state) }
        guard key.generation < ApplicationMark.generations.upperBound else { return .exhausted }
        return .create(generation: key.generation + 1)
    }

    /// What revoking a key stops: the key and the generations before it, which would be current again without it. The oldest comes
    /// first and the named one last, so that an interrupted call can be sent again. What the operator suspended stays: without it the
    /// owner could make the key again. A key that awaits approval has replaced none.
    package func revoked(with application: Int) -> [Key] {
        guard let key = key(application) else { return [] }
        guard key.application.mark != nil, key.application.state != .pending else { return [key] }
        let older = generations(of: key.name, service: key.application.serviceID).filter {
            $0.application.mark != nil && $0.generation < key.generation && $0.state != .suspended
        }
        return older.reversed() + [key]
    }

    /// The suspensions and deletions that ended keys ask for, and their times. Applications without a mark are left alone, and
    /// those that the operator suspended: without the application the owner could make the key again. The oldest generation of a
    /// name is deleted first, since a newer one says when it ends. An unconfirmed application is deleted when the longest life of a
    /// key is over: people may take `ok` out of a description.
    package var duties: [Duty] {
        let left: [Duty] = unconfirmed.compactMap { key in
            key.expiresAt.map { .delete(application: key.application.id, at: $0) }
        }
        let due: [Duty] = keys.compactMap { key in
            guard key.application.mark != nil, key.state != .suspended, let end = key.endsAt else { return nil }
            let id = key.application.id
            guard key.application.state != .live else { return .suspend(application: id, at: end) }
            return retires(key) ? nil : .delete(application: id, at: Self.deletion(of: key.application, endedAt: end))
        }
        return left + due
    }

    /// When an ended key is deleted. A key may be suspended long after its end, as when the operator shortens the longest life: the
    /// delay counts from then, so that the operator can still resume it.
    static func deletion(of application: Application, endedAt end: Int) -> Int {
        let stoppedAt = application.state == .suspended ? max(end, application.updatedAt ?? end) : end
        return stoppedAt + deletionDelay
    }

    /// An older generation ends because of this one, and would work on without it.
    private func retires(_ key: Key) -> Bool {
        generations(of: key.name, service: key.application.serviceID).contains {
            $0.application.mark != nil && $0.generation < key.generation && $0.endsAt != nil && $0.state != .suspended
        }
    }
}
