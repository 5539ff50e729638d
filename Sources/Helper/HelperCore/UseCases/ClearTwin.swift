/// Deletes what a call that died has left of a key on another account of its owner. While both are there, 3scale refuses every change
/// of either, so that the left one can never be confirmed: no caller was answered its secret.
package struct ClearTwin: Sendable {
    private let manager: any APIManager

    package init(manager: any APIManager) {
        self.manager = manager
    }

    /// - Parameter application: a confirmed one that could not be changed.
    /// - Returns: whether a twin is gone.
    package func callAsFunction(of application: Application) async throws(APIManagerError) -> Bool {
        guard let mark = application.mark, mark.isConfirmed else { return false }
        let left = try await manager.applications(markedFor: mark.owner, service: application.serviceID).filter {
            $0.id != application.id && $0.mayBeDeleted && $0.mark?.name == mark.name
                && $0.mark?.generation == mark.generation
                && Provisioning.Goal.hasSecondID($0) == Provisioning.Goal.hasSecondID(application)
                && $0.age.map { $0 >= Provisioning.settledSeconds } ?? false
        }
        for twin in left { try await manager.deleteApplication(twin.id, account: twin.accountID) }
        return !left.isEmpty
    }
}
