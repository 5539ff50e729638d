package import Telemetry

/// Where audit lines wait until they are written. Bounded by reservations: the queue itself drops nothing.
package protocol AuditQueue: Sendable {
    /// Whether few enough lines wait that an act may write one without a reservation.
    var hasRoom: Bool { get }
    /// Reserves room for an act's lines; `release` follows. Owners share the reservations.
    /// - Throws: why there is none; then there is nothing to release.
    func reserve(for owner: OwnerMark) throws(AuditTrail.NoRoom)
    /// The act is over.
    func release(for owner: OwnerMark)
}

/// Records what became of each act of provisioning: a line of the logger `audit`, and a count by outcome.
///
/// No line is lost. Every act waits in `waitForRoom` while standard output does not take the lines that are there. What
/// writes to 3scale runs inside `withReservedLines`, which reserves room for its lines first. An act that finds no room is
/// refused before it begins, so that nothing is done that could not be recorded. Once it has begun, its lines are taken
/// whatever happens.
package struct AuditTrail: Sendable {
    package enum Outcome: String, Sendable, CaseIterable {
        /// An application came into being.
        case created
        /// An application of the next generation came into being.
        case rotated
        /// One that was there was answered.
        case returned
        /// A duplicate that a race left was removed.
        case deleted
        /// An application without a mark was given the caller's.
        case marked
        /// The user of the account that holds a renamed person's keys was given the present name.
        case renamed
        /// The owner looked at a key's secret.
        case revealed
        /// The owner had a key tested at its gateway.
        case tested
        /// The owner switched a key off.
        case paused
        /// The owner switched a key on again.
        case resumed
        /// The owner changed a key's end or note.
        case changed
        /// The owner ended a key: its application was deleted.
        case revoked
        /// The end of a key came: it was suspended.
        case expired
        /// The time came at which a newer generation replaces a key: it was suspended.
        case retired
        /// A key that had ended a day before was deleted.
        case removed
        /// The account or key belongs to another owner: refused.
        case conflict
        case failed
    }

    /// Why an act was refused before it began.
    package enum NoRoom: Error, Sendable {
        /// Standard output does not take the lines that wait.
        case linesWait
        /// Acts under way hold the reservations, or this owner's share of them.
        case actsHoldAll
    }

    /// The part of what is left of the request's deadline that the wait may take: a half, so that an act that begins has time.
    private static let share = 2
    /// The longest wait where there is no deadline.
    private static let patience = Duration.seconds(10)
    private static let poll = Duration.milliseconds(20)

    private let logger: Logger
    private let counters: [Outcome: Counter]
    private let queue: (any AuditQueue)?
    private let sleep: @Sendable (Duration) async -> Void

    /// - Parameters:
    ///   - logger: labelled `audit`; must write to `queue`.
    ///   - queue: nil where lines never wait, as in tests.
    package init(
        logger: Logger, factory: any MetricsFactory, queue: (any AuditQueue)? = nil,
        sleep: @escaping @Sendable (Duration) async -> Void = { try? await Task.sleep(for: $0) }
    ) {
        self.logger = logger
        self.queue = queue
        self.sleep = sleep
        counters = Dictionary(
            uniqueKeysWithValues: Outcome.allCases.map { outcome in
                (
                    outcome,
                    Counter(
                        label: "mlaas_provisioning_total", dimensions: [("outcome", outcome.rawValue)], factory: factory
                    )
                )
            })
    }

    /// Waits until lines that are already there leave room for one more, half of what is left of the deadline at most. Acts that
    /// only hold reservations are not waited for.
    /// - Throws: `NoRoom` when there was none in time.
    package func waitForRoom() async throws(NoRoom) {
        guard let queue else { return }
        try await wait { () throws(NoRoom) in if !queue.hasRoom { throw .linesWait } }
    }

    /// Carries out writes to 3scale whose audit lines are sure to be taken: waits for a reservation, half of what is left of the
    /// deadline at most.
    /// - Throws: `NoRoom` when there was none in time; the act was not begun.
    package func withReservedLines<Value: Sendable>(
        for owner: OwnerMark, _ act: () async throws -> Value
    ) async throws -> Value {
        guard let queue else { return try await act() }
        try await wait { () throws(NoRoom) in try queue.reserve(for: owner) }
        defer { queue.release(for: owner) }
        return try await act()
    }

    /// Repeats an attempt until it works or the time for it is over.
    private func wait(_ attempt: () throws(NoRoom) -> Void) async throws(NoRoom) {
        var left = Deadline.remaining(atMost: Self.patience * Self.share) / Self.share
        while true {
            do throws(NoRoom) {
                return try attempt()
            } catch {
                guard left > .zero else { throw error }
            }
            let pause = min(Self.poll, left)
            left -= pause
            await sleep(pause)
        }
    }

    /// Writes a line: who, what, which service, which application, and what became of it.
    /// - Parameters:
    ///   - key: told by its fingerprint, never as it is.
    ///   - verdict: what a test came to.
    package func note(
        _ outcome: Outcome, _ message: String, level: Logger.Level = .notice, caller: Caller, service: Service,
        application: Int? = nil, key: String? = nil, verdict: KeyVerdict.Word? = nil
    ) {
        counters[outcome]?.increment()
        var metadata: Logger.Metadata = [
            LogKey.user: .string(caller.username), "subject": .string(caller.subject),
            "owner": .string(caller.ownerMark.description), "service": .string(service.systemName),
            "service_id": .integer(service.id), "outcome": .string(outcome.rawValue),
        ]
        if let application { metadata["application_id"] = .integer(application) }
        if let verdict { metadata["verdict"] = .string(verdict.rawValue) }
        if let key { metadata["key_fingerprint"] = .string(fingerprint(key)) }
        logger.log(level: level, message, metadata: metadata)
    }

    /// Writes a line for what no caller asked for.
    /// - Parameter name: the service's, where the catalogue knows it.
    package func note(
        _ outcome: Outcome, _ message: String, level: Logger.Level, owner: OwnerMark, account: Int, service: Int,
        name: String?, application: Int, key: String?
    ) {
        counters[outcome]?.increment()
        var metadata: Logger.Metadata = [
            "owner": .string(owner.description), "account_id": .integer(account), "service_id": .integer(service),
            "outcome": .string(outcome.rawValue), "application_id": .integer(application),
        ]
        if let name { metadata["service"] = .string(name) }
        if let key { metadata["key_fingerprint"] = .string(fingerprint(key)) }
        logger.log(level: level, message, metadata: metadata)
    }
}
