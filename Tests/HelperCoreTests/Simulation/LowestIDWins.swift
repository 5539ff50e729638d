import HelperCore

/// The rule of earlier versions, played over the shipped value's actions: nothing is confirmed. Who finds keys of the owner
/// answers the one with the lowest id; who has created one lists again, deletes all but the lowest and answers that.
struct LowestIDWins: Sendable {
    private struct FlightKey: Hashable, Sendable {
        let owner: OwnerMark
        let service: Int
    }

    private let manager: SimulatedReplicaView
    private let time: SimulatedTime
    /// As in the product: calls of one process for one key share a flight.
    private let flights: SingleFlight<FlightKey, ChaosRun.Given>

    init(manager: SimulatedReplicaView, time: SimulatedTime) {
        self.manager = manager
        self.time = time
        flights = SingleFlight { time.spawn($0) }
    }

    func provision(_ service: Service, for caller: Caller) async throws -> ChaosRun.Given {
        let key = FlightKey(owner: caller.ownerMark, service: service.id)
        var (given, joined) = try await flights.run(key) { try await fly(service, caller) }
        if joined { given.isNew = false }
        return given
    }

    private func fly(_ service: Service, _ caller: Caller) async throws -> ChaosRun.Given {
        let attempt = time.choose { String($0.next(), radix: 16) }
        var value = Provisioning(
            .init(
                owner: caller.ownerMark, service: service.id, attempt: attempt, adoptsUnmarked: true,
                signupCreates: false))
        var action = value.next(.began, at: time.now)
        while true {
            if case .fail(let failure) = action {
                throw failure
            }
            var event: Provisioning.Event
            do {
                event = try await perform(action, service, caller, attempt)
            } catch {
                event = .refused(error)
            }
            switch (action, event) {
            case (.list, .listed(let applications)):
                if let lowest = own(applications, service, caller).first { return try await answer(lowest, false) }
            case (.create(let account, _), .wrote(let made)):
                let found = own(try await manager.applications(account: account.id), service, caller)
                for surplus in found.dropFirst() {
                    try await manager.deleteApplication(surplus.id, account: account.id)
                }
                guard let lowest = found.first else { throw APIManagerError.notFound }
                return try await answer(lowest, lowest.id == made.id)
            default: break
            }
            action = value.next(event, at: time.now)
        }
    }

    /// By id.
    private func own(_ applications: [Application], _ service: Service, _ caller: Caller) -> [Application] {
        applications.filter { $0.owner == caller.ownerMark && $0.serviceID == service.id }.sorted { $0.id < $1.id }
    }

    private func answer(_ application: Application, _ isNew: Bool) async throws(APIManagerError) -> ChaosRun.Given {
        let key: String? =
            if case .userKey(let key) = application.credentials {
                key
            } else {
                try await manager.keys(application: application.id, account: application.accountID).first
            }
        return ChaosRun.Given(key: key, application: application.id, isNew: isNew, isStale: false)
    }

    private func perform(
        _ action: Provisioning.Action, _ service: Service, _ caller: Caller, _ attempt: String
    ) async throws(APIManagerError) -> Provisioning.Event {
        switch action {
        case .findAccount: return .account(try await manager.account(username: caller.accountName))
        case .signUp:
            let draft = SignupDraft(
                organization: caller.username, username: caller.accountName, email: nil, password: "")
            return .signedUp(try await manager.signUp(draft))
        case .confirmAccount(let account):
            try await manager.confirm(account: account.id, username: caller.accountName)
        case .compareName(let account):
            let isCallers = try await manager.hasUser(account: account.id, username: caller.accountName)
            return isCallers ? .done : .refused(.noSuchUser)
        case .deleteAccount(let account): try await manager.deleteAccount(account.id)
        case .list(let account): return .listed(try await manager.applications(account: account.id))
        case .search, .searchTwins:
            return .listed(try await manager.applications(markedFor: caller.ownerMark, service: service.id))
        case .rename(let account):
            return .account(
                try await manager.rename(
                    account: account, to: caller.accountName, organization: caller.organization,
                    owner: caller.ownerMark
                ).account)
        case .create(let account, let isFallback):
            let owner = caller.ownerMark
            let id =
                isFallback
                ? owner.applicationID(service: service.id, account: account.id)
                : owner.applicationID(service: service.id)
            return .wrote(
                try await manager.createApplication(
                    ApplicationDraft(
                        account: account.id, plan: service.plans[0].id, name: "mlaas",
                        description: ApplicationMark(owner: owner, attempt: attempt).description, applicationID: id,
                        applicationKey: nil)))
        case .delete(let application):
            try await manager.deleteApplication(application.id, account: application.accountID)
        case .pause(let milliseconds):
            await time.sleep(time.choose { milliseconds.lowerBound + $0.below(milliseconds.count) })
        case .confirm, .mark, .announce, .answer, .fail: break
        }
        return .done
    }
}
