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
        let group = EventLoopGroup(count: 1)
        let roots = try? TrustedRoots.load(extra: settings.extraRootsFile)
        let client = HTTPClient(configuration: clientConfiguration(roots?.trust, nil), group: group)
        let registry = PrometheusRegistry(descriptions: metricDescriptions, threads: 1)
        let telemetry = HelperTelemetry(
            settings: settings.telemetry, registry: registry, loops: 1, client: client, logger: logger)
        let archive = ThreeScaleAPIManager(
            configuration: threeScaleConfiguration(RotatingSecret(settings.threeScaleToken)), client: client,
            metrics: telemetry.upstream("3scale"), tracer: telemetry.tracer,
            breaker: CircuitBreaker(settings.breaker), wallClock: { wallClockSeconds() },
            sleep: { try? await group.currentOrAny().sleep(for: $0) })
        let move = MoveOwners(
            archive: archive, from: issuer, to: newIssuer, subjects: subjects, isDryRun: isDryRun)
        let outcome = await Task(executorPreference: group.loops[0]) {
            () -> Result<MoveOwners.Counts, APIManagerError> in
            do throws(APIManagerError) {
                return .success(try await move(report: report))
            } catch {
                return .failure(error)
            }
        }.value
        await client.shutdown()
        group.shutdown()
        return try outcome.get()
    }
}
