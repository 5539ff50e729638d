/// An application as the gateway's backend knows it.
struct GatewayApplication: Sendable {
    struct Limit: Sendable {
        let metric: Int
        let name: String
        let period: String
        let value: Int
    }

    let id: Int
    let applicationID: String
    let userKey: String
    let isLive: Bool
    let plan: String
    let keys: Set<String>
    let limits: [Limit]
}

/// What the listener processes of the gateway's backend remember. Each remembers on its own, so that a change is known at
/// once to the process that took it and to the others only when their memory of it ends.
struct GatewayBackend: Sendable {
    /// The process that takes the changes.
    static let changing = 0

    struct Memory<Value: Sendable>: Sendable {
        let value: Value
        /// Seconds since 1970-01-01T00:00:00Z.
        let until: Int
    }

    /// A credential at a service, in one process.
    struct Key: Hashable, Sendable {
        let process: Int
        let service: Int
        let credential: String
    }

    /// A call that the gateway has let through: credentials and usage.
    struct Pass: Hashable, Sendable {
        let service: Int
        let credentials: [String]
        let usage: [String]
    }

    /// Applications by user key or application id.
    var applications: [Key: Memory<GatewayApplication>] = [:]
    /// App keys that were found to be good.
    var appKeys: [Key: Memory<Bool>] = [:]
    /// Applications that 3scale has deleted and the job in the background has not, with their service.
    var deleted: [(application: GatewayApplication, service: Int, dueMilliseconds: Int)] = []
    /// Calls that the gateway lets through before it asks, because it let them through before.
    var passes: Set<Pass> = []
    /// Tokens of services that are deleted, which the backend still knows.
    var retiredTokens: [Int: String] = [:]

    /// Why a call is refused.
    enum Verdict: Sendable {
        case userKeyInvalid
        case notFound(applicationID: String)
        case found(GatewayApplication)
    }
}

extension Tenant {
    /// The token that a gateway must bring for a service.
    func serviceToken(_ service: Int) -> String? { anyService(service)?.serviceToken ?? gateway.retiredTokens[service] }

    /// Looks an application up in one process.
    /// - Parameter process: `GatewayBackend.changing` knows every change at once; the others trust their memory.
    mutating func authorized(
        by credential: String, isUserKey: Bool, service: Int, process: Int, now: Int, milliseconds: Int
    ) -> GatewayBackend.Verdict {
        let key = GatewayBackend.Key(
            process: process, service: service, credential: (isUserKey ? "key:" : "id:") + credential)
        let remembered = gateway.applications[key].flatMap { $0.until > now ? $0.value : nil }
        if process != GatewayBackend.changing, let remembered { return .found(remembered) }
        if let stored = stored(credential, isUserKey: isUserKey, service: service, milliseconds) {
            // Stored values are read anew when their memory has ended; a process never forgets earlier.
            if remembered == nil {
                gateway.applications[key] = .init(value: stored, until: now + knobs.gatewayRemembersSeconds)
            }
            return .found(stored)
        }
        // The way from a user key to an application is remembered, though the application is gone.
        if let remembered, applications[remembered.id] == nil {
            return .notFound(applicationID: remembered.applicationID)
        }
        return isUserKey ? .userKeyInvalid : .notFound(applicationID: credential)
    }

    /// Whether an application without keys, or with that one, is let in; a good key is remembered in every process.
    mutating func takes(
        appKey: String?, of application: GatewayApplication, service: Int, process: Int, now: Int
    ) -> Bool {
        let current = applications[application.id].map { Set($0.keys.map(\.value)) } ?? application.keys
        // No key is asked for where there is none: removing the last one opens the application.
        if current.isEmpty { return true }
        guard let appKey else { return false }
        let key = GatewayBackend.Key(
            process: process, service: service, credential: "\(application.applicationID):\(appKey)")
        if let remembered = gateway.appKeys[key], remembered.until > now { return true }
        guard current.contains(appKey) else { return false }
        gateway.appKeys[key] = .init(value: true, until: now + knobs.gatewayRemembersSeconds)
        return true
    }

    /// The application as it is stored, also while its deletion waits for the job.
    private func stored(
        _ credential: String, isUserKey: Bool, service: Int, _ milliseconds: Int
    ) -> GatewayApplication? {
        let rows = applications.rows((isUserKey ? "key:" : "id:") + credential)
        if let row = rows.first(where: { $0.serviceID == service }) { return gatewayForm(row) }
        return gateway.deleted.first { entry in
            entry.service == service && entry.dueMilliseconds > milliseconds
                && (isUserKey ? entry.application.userKey : entry.application.applicationID) == credential
        }?.application
    }

    private func gatewayForm(_ application: ApplicationRecord) -> GatewayApplication {
        let own = limits.values.filter { $0.planID == application.planID }.sorted { $0.id < $1.id }
        return GatewayApplication(
            id: application.id, applicationID: application.applicationID, userKey: application.userKey,
            isLive: application.state == "live", plan: plans[application.planID]?.name ?? "",
            keys: Set(application.keys.map(\.value)),
            limits: own.map {
                .init(
                    metric: $0.metricID, name: metrics[$0.metricID]?.systemName ?? "", period: $0.period,
                    value: $0.value)
            })
    }

    /// Leaves an application to the job that deletes it from the gateway's backend.
    mutating func deleteLater(_ application: ApplicationRecord, at milliseconds: Int) {
        let (sum, overflow) = milliseconds.addingReportingOverflow(knobs.backendDeletionMilliseconds)
        let due = overflow ? .max : sum
        gateway.deleted.removeAll { $0.dueMilliseconds <= milliseconds }
        guard due > milliseconds else { return }
        gateway.deleted.append((gatewayForm(application), application.serviceID, due))
    }
}
