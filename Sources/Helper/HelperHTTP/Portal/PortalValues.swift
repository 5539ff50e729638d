import HTTP
import HelperCore

// What pages show of the domain's values.

extension KeyRow {
    init(_ item: FindKeys.Item) {
        let key = item.key
        let lastUsed = key.application.lastUsedAt.flatMap { ApplicationMark.times.contains($0) ? $0 : nil }
        self.init(
            id: String(key.application.id), name: key.name.description, note: KeyEncoding.note(of: key.application),
            serviceName: item.service.name, serviceSystemName: item.service.systemName, state: key.state,
            planName: key.application.plan.name, hint: item.facts?.hint, fingerprint: item.facts?.fingerprint,
            createdAt: key.application.createdAt, expiresAt: key.expiresAt, retiresAt: key.retiresAt,
            lastUsedOn: lastUsed.map { String(HTTPDate.timestamp($0).prefix(10)) },
            generation: key.generation, replaces: key.replaces.map { String($0) })
    }
}

extension ServiceAccess {
    init(_ service: Service) {
        self.init(
            endpoint: service.proxyEndpoint, authentication: service.authentication, placement: service.placement)
    }
}

extension PlanColumn {
    /// - Parameter limits: nil where they are not known.
    init(_ plan: Plan, limits: [PlanLimit]?) {
        self.init(
            id: String(plan.id), name: plan.name, isDefault: plan.isDefault, needsApproval: plan.needsApproval,
            limits: limits)
    }
}

extension RevealedCredentials {
    /// - Returns: nil while 3scale shows no secret.
    init?(_ key: IssuedKey) {
        guard let secret = key.key else { return nil }
        self.init(secret: secret, id: key.publicID)
    }
}

extension UsageSeries {
    init(_ count: KeyUsage.Count, _ period: UsagePeriod) {
        self.init(
            metric: count.metric.name, granularity: period.granularity,
            points: zip(period.starts, count.values).map { Point(time: $0, value: $1) }, total: count.total)
    }
}

extension TestVerdict {
    init(_ result: TestKey.Result, gatewayDelaySeconds: Int) {
        let verdict = result.verdict
        self.init(
            verdict: verdict.word, state: result.item.key.state, gatewayDelaySeconds: gatewayDelaySeconds,
            status: verdict.status, latencyMilliseconds: result.latencyMilliseconds, modelIDs: verdict.models ?? [])
    }
}

extension KeyState {
    /// As far as the application alone tells.
    init(_ state: Application.State) {
        self =
            switch state {
            case .live: .live
            case .pending: .pending
            case .suspended: .suspended
            }
    }
}
