import EventLoop
import HTTPClient
import HelperCore
import TLS
import Telemetry

/// What a command works with that calls the configured systems once and serves nothing.
struct OneShot: Sendable {
    let group: EventLoopGroup
    let client: HTTPClient
    let telemetry: HelperTelemetry
    /// Nil where they cannot be read: the command then says what it cannot reach.
    let roots: TrustedRoots?
    let sleep: @Sendable (Duration) async -> Void

    init(_ server: HelperServer) {
        let group = EventLoopGroup(count: 1)
        self.group = group
        roots = try? TrustedRoots.load(extra: server.settings.extraRootsFile)
        client = HTTPClient(configuration: server.clientConfiguration(roots?.trust, nil), group: group)
        telemetry = HelperTelemetry(
            settings: server.settings.telemetry,
            registry: PrometheusRegistry(descriptions: metricDescriptions, threads: 1), loops: 1, client: client,
            logger: server.logger)
        sleep = { try? await group.currentOrAny().sleep(for: $0) }
    }

    /// Does the work on the loop, then ends everything.
    func run<Value: Sendable>(_ work: @escaping @Sendable () async -> Value) async -> Value {
        let value = await Task(executorPreference: group.loops[0]) { await work() }.value
        await client.shutdown()
        group.shutdown()
        return value
    }
}
