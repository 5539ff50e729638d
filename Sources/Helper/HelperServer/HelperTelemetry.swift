import Bytes
import Crypto
import EventLoop
import HTTPClient
import HTTPServer
import HelperCore
import HelperHTTP
import Keycloak
import OTLP
import Telemetry

/// Everything by which the outside sees how the helper is doing, built from settings and given to the parts that need it.
struct HelperTelemetry: Sendable {
    let registry: PrometheusRegistry
    let tracer: Tracer
    let metricsRoute: MetricsRoute
    let refusals: RefusalMetrics
    private let exporter: OTLPExporter?
    private let lag: LoopLag
    private let settings: TelemetrySettings
    private let logger: Logger

    init(
        settings: TelemetrySettings, registry: PrometheusRegistry, loops: Int, client: HTTPClient, logger: Logger
    ) {
        self.registry = registry
        self.settings = settings
        self.logger = logger
        metricsRoute = MetricsRoute { registry.exposition() }
        refusals = RefusalMetrics(factory: registry)
        lag = LoopLag(factory: registry)
        let metrics = OTLPExporter.Metrics(prefix: "mlaas", factory: registry)
        let queue = settings.otlpEndpoint.map { _ in
            SpanQueue(capacity: settings.spanQueueMax, dropped: metrics.overflowed)
        }
        tracer = Tracer(recorder: queue, ratio: settings.samplingRatio, threads: loops, now: { wallClockNanoseconds() })
        exporter = settings.otlpEndpoint.flatMap { endpoint in
            queue.map { queue in
                OTLPExporter(
                    configuration: OTLPConfiguration(
                        endpoint: endpoint, headers: settings.otlpFields(), serviceName: settings.serviceName,
                        serviceVersion: Version.number, instanceID: Hex.encode(SecureRandom.bytes(8))),
                    queue: queue, client: client, metrics: metrics, logger: logger.labelled("traces"))
            }
        }
    }

    /// Calls to a system behind us.
    func upstream<Operation>() -> UpstreamMetrics<Operation> { UpstreamMetrics(factory: registry) }

    // MARK: Read at scrape time

    func collect(
        verifier: KeycloakTokenVerifier, catalogs: CatalogStore, keys: OwnedKeys, policy: AccessPolicy,
        breakers: [(system: UpstreamSystem, isOpen: @Sendable () -> Bool)],
        log: LogOutput
    ) {
        let process = ProcessMetrics(startTime: Double(wallClockNanoseconds()) / 1e9)
        registry.collect { process.samples() }
        registry.collect { Self.samples(keys.occupancy) }
        registry.collect { [unowned registry, settings] in
            var samples: [PrometheusRegistry.Sample] = [
                .init("mlaas_metrics_refused_series_total", .counter, Double(registry.refusedSeries)),
                .init("mlaas_log_dropped_lines_total", .counter, Double(log.droppedLines())),
                .init("mlaas_audit_waiting_lines", .gauge, Double(log.waitingAuditLines())),
                .init(
                    "mlaas_build_info", .gauge, labels: [("version", Version.number), ("commit", settings.commit)], 1),
            ]
            for (system, isOpen) in breakers {
                let value = isOpen() ? 1.0 : 0
                samples.append(.init("mlaas_breaker_open", .gauge, labels: [("system", system.rawValue)], value))
            }
            if let catalog = catalogs.catalog {
                samples.append(.init("mlaas_catalog_services", .gauge, Double(catalog.services.count)))
                let broken = Set(catalogs.problems.compactMap(\.serviceID)).count
                samples.append(.init("mlaas_catalog_incomplete_services", .gauge, Double(broken)))
                let unknown = policy.unknownServices(in: catalog).count
                samples.append(.init("mlaas_access_unknown_services", .gauge, Double(unknown)))
            }
            for (name, age) in [
                ("mlaas_catalog_age_seconds", catalogs.age), ("mlaas_keys_age_seconds", verifier.keysAge),
            ] {
                if let age { samples.append(.init(name, .gauge, Double(age.components.seconds))) }
            }
            return samples
        }
    }

    /// What the sweep of ended keys tells of itself.
    func collect(_ deadlines: KeyDeadlines) {
        registry.collect {
            let status = deadlines.status
            var samples: [PrometheusRegistry.Sample] = [
                .init("mlaas_sweep_age_seconds", .gauge, Double(status.age)),
                .init("mlaas_sweep_clock_difference_seconds", .gauge, Double(status.clockDifference)),
                .init("mlaas_sweep_accounts", .gauge, Double(status.accounts)),
            ]
            // Before its first scan a replica knows of hardly any end: its 0 would hide what another one tells.
            if status.isScanned || status.overdue > 0 {
                samples.append(.init("mlaas_sweep_overdue_seconds", .gauge, Double(status.overdue)))
            }
            for state in KeyState.allCases where status.isScanned {
                let count = Double(status.keys[state] ?? 0)
                samples.append(.init("mlaas_keys", .gauge, labels: [("state", state.rawValue)], count))
            }
            return samples
        }
    }

    /// - Parameter memory: what may be held for clients.
    func collect(_ server: HTTPServer, _ memory: MemoryBudget) {
        registry.collect {
            let activity = server.activity
            return [
                .init("http_server_active_requests", .gauge, Double(activity.inFlight + activity.queued)),
                .init("http_server_queued_requests", .gauge, Double(activity.queued)),
                .init("http_server_connections", .gauge, Double(activity.connections)),
                .init("http_server_client_memory_bytes", .gauge, Double(memory.reserved)),
                .init("http_server_client_memory_limit_bytes", .gauge, Double(memory.limit)),
                .init("http_server_shed_connections_total", .counter, Double(activity.shed)),
                .init("http_server_evicted_connections_total", .counter, Double(activity.evicted)),
                .init("http_server_refused_connections_total", .counter, Double(activity.refused)),
            ]
        }
    }

    private static func samples(
        _ callers: (entries: Int, bytes: Int, oldestMadeAt: ContinuousClock.Instant?)
    ) -> [PrometheusRegistry.Sample] {
        let labels = [("cache", CacheMetrics.Cache.callers.rawValue)]
        let age = callers.oldestMadeAt.map { Double($0.duration(to: .now).components.seconds) } ?? 0
        return [
            .init("mlaas_cache_entries", .gauge, labels: labels, Double(callers.entries)),
            .init("mlaas_cache_bytes", .gauge, labels: labels, Double(callers.bytes)),
            .init("mlaas_cache_oldest_age_seconds", .gauge, labels: labels, age),
        ]
    }

    // MARK: Life

    /// What runs beside the server until it is cancelled.
    func start(on group: EventLoopGroup) -> [Task<Void, Never>] {
        var tasks = group.loops.map { loop in loop.spawn { [lag] in await lag.run(on: loop) } }
        if let exporter {
            // Off the loops: encoding a batch takes longer than a request should wait.
            tasks.append(
                Task(executorPreference: globalConcurrentExecutor) {
                    await exporter.run { duration in
                        do throws(CancellationError) { try await group.any().sleep(for: duration) } catch {
                            return false
                        }
                        return true
                    }
                })
        }
        return tasks
    }

    /// Room for many scrapers: half of the descriptors that `HelperServer.limits` keeps from clients.
    private static let metricsConnectionsMax = 128
    /// One address leaves room for the others.
    private static let metricsConnectionsPerAddressMax = 32

    /// The port of the metrics, when they have one.
    func startServer(
        on group: EventLoopGroup, memory: MemoryBudget
    ) async throws(HelperServer.StartError) -> HTTPServer? {
        guard settings.metricsPort != 0 else { return nil }
        var configuration = HelperAPI.serverConfiguration(
            host: settings.metricsHost, port: settings.metricsPort, refusals: refusals,
            logger: logger.labelled("metrics"))
        configuration.memory = memory
        configuration.limits.connections = Self.metricsConnectionsMax
        configuration.limits.connectionsPerAddress = Self.metricsConnectionsPerAddressMax
        let server = HTTPServer(
            configuration: configuration, group: group, responder: MetricsFace(metricsRoute),
            logger: logger.labelled("metrics"))
        do {
            let address = try await server.start()
            logger.notice("metrics are served", metadata: ["address": .string(address.description)])
            return server
        } catch {
            throw HelperServer.StartError(
                description: "cannot serve metrics on \(settings.metricsHost):\(settings.metricsPort): \(error)")
        }
    }

    /// Sends the spans that are left, for a while.
    func flush() async { await exporter?.flush(within: .seconds(2)) }
}
