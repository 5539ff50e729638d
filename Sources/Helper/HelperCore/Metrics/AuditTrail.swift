package import Telemetry

/// What became of each act of provisioning: a line of the log named `audit`, and a count by outcome.
package struct AuditTrail: Sendable {
    package enum Outcome: String, Sendable, CaseIterable {
        /// An application came into being.
        case created
        /// One that was there was answered.
        case returned
        /// A duplicate that a race left was removed.
        case deleted
        /// The account or key belongs to somebody else: refused.
        case conflict
        case failed
    }

    private let logger: Logger
    private let counters: [Outcome: Counter]

    /// - Parameter logger: labelled `audit`.
    package init(logger: Logger, factory: any MetricsFactory) {
        self.logger = logger
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

    /// Writes a line: who, what, which service, which application, and what became of it.
    /// - Parameter key: told by its fingerprint, never as it is.
    package func note(
        _ outcome: Outcome, _ message: String, level: Logger.Level = .notice, caller: Caller, service: Service,
        application: Int? = nil, key: String? = nil
    ) {
        counters[outcome]?.increment()
        var metadata: Logger.Metadata = [
            LogKey.user: .string(caller.username), "subject": .string(caller.subject),
            "owner": .string(caller.ownerMark.description), "service": .string(service.systemName),
            "service_id": .integer(service.id), "outcome": .string(outcome.rawValue),
        ]
        if let application { metadata["application_id"] = .integer(application) }
        if let key { metadata["key_fingerprint"] = .string(fingerprint(key)) }
        logger.log(level: level, message, metadata: metadata)
    }
}
