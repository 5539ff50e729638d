import Configuration
import EventLoop
import HTTPClient
import HelperCore
import Telemetry
import ThreeScale

extension HelperServer {
    /// Rewrites owner marks in the configured 3scale; serves nothing.
    func moveOwners(
        from issuer: String, to newIssuer: String, subjects: [String], isDryRun: Bool,
        report: @escaping @Sendable (String) -> Void
    ) async throws(APIManagerError) -> MoveOwners.Counts {
        let tools = OneShot(self)
        let token = RotatingSecret(settings.threeScaleToken)
        let archive = ThreeScaleAPIManager(
            configuration: threeScaleConfiguration(token), client: tools.client,
            metrics: tools.telemetry.upstream(), tracer: tools.telemetry.tracer,
            breaker: CircuitBreaker(settings.breaker), wallClock: { wallClockSeconds() }, sleep: tools.sleep)
        let move = MoveOwners(
            archive: archive, from: issuer, to: newIssuer, subjects: subjects, isDryRun: isDryRun,
            // The one that `keyRoutes` makes.
            seal: PauseSeal { Array(token.current.reveal().utf8) }, now: { wallClockSeconds() })
        let outcome = await tools.run { () -> Result<MoveOwners.Counts, APIManagerError> in
            do throws(APIManagerError) {
                return .success(try await move(report: report))
            } catch {
                return .failure(error)
            }
        }
        return try outcome.get()
    }
}
