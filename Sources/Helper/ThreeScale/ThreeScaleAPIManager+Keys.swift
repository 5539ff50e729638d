import HTTP
package import HelperCore
import JSON

/// Switching applications off and on, and reading all of them.
extension ThreeScaleAPIManager: KeyScan {
    /// `PUT accounts/{id}/applications/{id}/suspend`.
    package func suspend(application: Int, account: Int) async throws(APIManagerError) -> Application {
        try await move("suspend", application, account, operation: .suspendApplication)
    }

    /// `PUT accounts/{id}/applications/{id}/resume`.
    package func resume(application: Int, account: Int) async throws(APIManagerError) -> Application {
        try await move("resume", application, account, operation: .resumeApplication)
    }

    /// `PUT accounts/{id}/applications/{id}/change_plan`: answers the plan, not the application.
    package func change(plan: Int, application: Int, account: Int) async throws(APIManagerError) {
        _ = try await transport.write(
            .put, "accounts/\(account)/applications/\(application)/change_plan", [("plan_id", String(plan))],
            operation: .changePlan)
    }

    /// `GET applications`. The metadata is absent where one page holds everything.
    package func scan(page: Int, size: Int) async throws(APIManagerError) -> ScannedPage {
        let answer = try await transport.dated(
            "applications", [("page", String(page)), ("per_page", String(size))], operation: .listAllApplications)
        return ScannedPage(
            applications: try ThreeScaleEntities.applications(in: answer),
            pages: answer.value["metadata"]?["total_pages"]?.int(in: 1...1_000_000) ?? 1, answeredAt: answer.time)
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
