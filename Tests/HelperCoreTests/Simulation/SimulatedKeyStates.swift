import HelperCore

/// Changes of state, by the helper and by the operator.
extension SimulatedReplicaView: KeyManager {
    func suspend(application: Int, account: Int) async throws(APIManagerError) -> Application {
        try await move(application, from: .live, to: .suspended)
    }

    func resume(application: Int, account: Int) async throws(APIManagerError) -> Application {
        try await move(application, from: .suspended, to: .live)
    }

    /// A service has one plan here.
    func change(plan: Int, application: Int, account: Int) async throws(APIManagerError) {}

    private func move(
        _ application: Int, from old: Application.State, to new: Application.State
    ) async throws(APIManagerError) -> Application {
        try alive()
        let moved = try await server.write { state in
            guard let stored = state.applications.first(where: { $0.application.id == application }) else {
                return .notFound
            }
            guard stored.application.state == old else { return Self.wrongState }
            return state.applications.contains { $0.application.id != application && $0.name == stored.name }
                ? Self.taken("application_id") : nil
        } insert: { [server] state, _ in
            server.move(&state, application, from: old, to: new)
        }
        guard let moved else { throw .notFound }
        return moved
    }

    private static var wrongState: APIManagerError {
        .rejected(status: 422, details: [.init(field: "state", issue: "cannot transition")])
    }
}

extension SimulatedThreeScale {
    /// - Returns: nil when the application is gone, or in another state by now.
    @discardableResult
    func move(
        _ state: inout State, _ application: Int, from old: Application.State, to new: Application.State
    ) -> Application? {
        guard
            let index = state.applications.firstIndex(where: {
                $0.application.id == application && $0.application.state == old
            })
        else { return nil }
        let stored = state.applications[index].application
        state.applications[index].application = Application(
            id: stored.id, serviceID: stored.serviceID, accountID: stored.accountID, plan: stored.plan, state: new,
            description: stored.description, credentials: stored.credentials)
        state.applications[index].updatedAt = time.now
        return SimulatedReplicaView.shown(state.applications[index], self)
    }
}
