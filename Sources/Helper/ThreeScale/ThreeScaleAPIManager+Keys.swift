import HTTP
package import HelperCore

/// Switching applications off and on.
extension ThreeScaleAPIManager: KeyManager {
    /// `PUT accounts/{id}/applications/{id}/suspend`.
    package func suspend(application: Int, account: Int) async throws(APIManagerError) -> Application {
        try await move("suspend", application, account, operation: .suspendApplication)
    }

    /// `PUT accounts/{id}/applications/{id}/resume`.
    package func resume(application: Int, account: Int) async throws(APIManagerError) -> Application {
        try await move("resume", application, account, operation: .resumeApplication)
    }

    private func move(
        _ event: String, _ application: Int, _ account: Int, operation: ThreeScaleOperation
    ) async throws(APIManagerError) -> Application {
        let answer = try await transport.write(
            .put, "accounts/\(account)/applications/\(application)/\(event)", operation: operation)
        do throws(APIManagerError) {
            return try ThreeScaleEntities.application(in: answer)
        } catch {
            throw .malformed(cause: "3scale's answer to \(event) is no application", outcomeUnknown: true)
        }
    }
}
