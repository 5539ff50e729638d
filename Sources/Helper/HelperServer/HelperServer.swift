import Bytes
import Configuration
import Crypto
package import EventLoop
import HTTP
import HTTPClient
import HTTPServer
import HelperCore
import HelperHTTP
import Keycloak
import SharedState
import Telemetry
import ThreeScale

/// The composition root: the only place that names concrete adapters. Builds everything from settings, runs it until a
/// signal, and ends it in order.
package struct HelperServer: Sendable {
    /// Why the server cannot run, in words for the operator.
    package struct StartError: Error, CustomStringConvertible {
        package let description: String
    }

    /// In-flight requests get this long after the drain.
    private static let shutdownDeadline = Duration.seconds(30)

    let settings: Settings
    let logger: Logger
    private let log: LogOutput
    private let reread: @Sendable () -> Settings.Outcome

    /// - Parameter reread: the settings as they are now, for what SIGHUP may change; may block.
    package init(settings: Settings, log: LogOutput, reread: @escaping @Sendable () -> Settings.Outcome) {
        self.settings = settings
        self.log = log
        logger = log.logger
        self.reread = reread
    }

    /// Runs until SIGTERM or SIGINT, then drains. A second signal ends at once.
    /// - Parameter listening: told the address once the server accepts connections.
    package func run(listening: @Sendable (SocketAddress) -> Void = { _ in }) async throws {
        let group = EventLoopGroup(count: settings.loops)
        let signals = ProcessSignals(on: group.loops[0])
        let registry = PrometheusRegistry(descriptions: metricDescriptions, threads: settings.loops)
        let credentials = try Credentials(settings, registry: registry, logger: logger.labelled("credentials"))
        let client = HTTPClient(configuration: clientConfiguration(credentials.roots.trust, registry), group: group)
        let parts = try await compose(group, client, registry, credentials)
        let memory = MemoryBudget(limit: settings.memory)
        var configuration = HelperAPI.serverConfiguration(
            host: settings.host, port: settings.port, refusals: parts.telemetry.refusals,
            cors: CORSPolicy(origins: settings.corsOrigins), logger: logger.labelled("api"))
        configuration.limits = limits(descriptors: raiseDescriptorLimit())
        configuration.memory = memory
        configuration.isTrustedProxy = { [ranges = settings.trustedProxies] text in
            guard !ranges.isEmpty, let address = IPAddress(text) else { return false }
            return ranges.contains { $0.contains(address) }
        }
        configuration.tls = credentials.certificate.map {
            TLSListenerConfiguration(contexts: $0.contexts, metrics: registry)
        }
        let server = HTTPServer(
            configuration: configuration, group: group, responder: parts.api, logger: logger.labelled("http"))
        parts.telemetry.collect(server, memory)
        let watch = LoopWatch(group: group, factory: registry, logger: logger.labelled("loops"))
        let reloader = Reloader(
            credentials: credentials, clients: [client, parts.gatewayClient], sessions: parts.sessions,
            loop: group.loops[0], reread: reread)
        let background = startBackground(parts, on: group) + [reloader.startWatching()]
        let reporting = parts.telemetry.start(on: group)
        let metricsServer = try await parts.telemetry.startServer(on: group, memory: memory)
        let address = try await listen(server)
        listening(address)

        for await signal in signals.received {
            if signal == .terminate { break }
            await reloader.reload()
        }
        logger.notice("draining", metadata: ["seconds": .integer(Int(settings.drain.components.seconds))])
        parts.lifecycle.beginDraining()
        server.beginDraining()
        await drain(server, signals.received)
        for task in background + reporting { task.cancel() }
        for task in reporting { await task.value }
        await metricsServer?.shutdown(deadline: .seconds(1))
        await parts.telemetry.flush()
        // A fetch that requests share does not end with the one that waits for it, only with its transfer: a peer, or a
        // name server, that is silent would hold up the end for as long as a request may take.
        await client.shutdown()
        await parts.gatewayClient.shutdown()
        for task in background { await task.value }
        await parts.redis?.shutdown()
        signals.close()
        watch.stop()
        group.shutdown()
        log.finish()
        logger.notice("stopped")
    }

    // MARK: Parts

    struct Parts {
        let api: HelperAPI
        let verifier: KeycloakTokenVerifier
        let catalogs: CatalogStore
        /// Carries callers' keys to the models' gateways, and no credential of ours.
        let gatewayClient: HTTPClient
        let lifecycle: Lifecycle
        let telemetry: HelperTelemetry
        let redis: RedisSharedState?
        let sweep: SweepKeys
        /// Nil where the portal is off.
        let sessions: PortalSessions?
        /// Logs the failures of dependencies whose minute is over.
        let summariseFailures: @Sendable () -> Void
    }

    func compose(
        _ group: EventLoopGroup, _ client: HTTPClient, _ registry: PrometheusRegistry, _ credentials: Credentials
    ) async throws(StartError) -> Parts {
        // Work that outlives its starter stays on the loop it was started on.
        let spawn: Spawn = { work in _ = group.currentOrAny().spawn(work) }
        let sleep: @Sendable (Duration) async -> Void = { try? await group.currentOrAny().sleep(for: $0) }
        let telemetry = HelperTelemetry(
            settings: settings.telemetry, registry: registry, loops: settings.loops, client: client, logger: logger)
        let breakers = (
            keycloak: KeycloakBreakers(settings.breaker, logger: logger.labelled("keycloak")),
            threeScale: CircuitBreaker(settings.breaker)
        )
        let verifier = tokenVerifier(
            client, credentials.clientSecret, telemetry, breakers.keycloak, spawn, sleep: sleep)
        let manager = ThreeScaleAPIManager(
            configuration: threeScaleConfiguration(credentials.accessToken), client: client,
            metrics: telemetry.upstream(), tracer: telemetry.tracer,
            breaker: breakers.threeScale, logger: logger.labelled("3scale"), wallClock: { wallClockSeconds() },
            sleep: sleep)
        let policy = accessPolicy
        let catalogs = CatalogStore(manager: manager, logger: logger.labelled("catalog"))
        var limits = OwnedKeys.Limits()
        limits.keysLifetime = settings.applicationsCache
        limits.accountLifetime = settings.accountCache
        limits.adoptsUnmarked = settings.adoptsUnmarked
        limits.listsSecrets = !settings.keyRules.showsOnce
        let keys = OwnedKeys(
            manager: manager, limits: limits, spawn: spawn, factory: registry)
        let deadlines = KeyDeadlines(now: { wallClockSeconds() })
        let sessions = portalSessions(policy)
        let shared = try await sharedState(group, registry, credentials.roots, keys, deadlines, sessions)
        let find = FindService(
            catalogs: catalogs, manager: manager, policy: policy, limitsLifetime: settings.catalogRefresh, spawn: spawn)
        let replicas = Replicas(state: shared.state, sleep: sleep)
        let audit = AuditTrail(logger: log.audit, factory: registry, queue: log.auditQueue, sleep: sleep)
        let provision = ProvisionKey(
            find: find, manager: manager, keys: keys, replicas: replicas,
            defaultPlan: settings.defaultPlan, prefix: settings.keyRules.prefix, spawn: spawn, sleep: sleep,
            logger: logger.labelled("provisioning"),
            audit: audit, rules: settings.keyRules, now: { deadlines.clock })
        let gatewayClient = HTTPClient(
            configuration: gatewayConfiguration(credentials.roots.trust), group: group)
        let lifecycle = Lifecycle()
        let keyParts = keyParts(
            catalogs, keys, policy, manager, provision, replicas, audit, credentials, deadlines, registry,
            GatewayClient(gatewayClient), spawn: spawn, sleep: sleep)
        telemetry.collect(deadlines)
        telemetry.collect(
            verifier: verifier, catalogs: catalogs, keys: keys, policy: policy,
            breakers: [
                (.keycloak, { breakers.keycloak.isOpen }), (.threeScale, { breakers.threeScale.isOpen }),
            ], log: log)
        let services = ServiceRoutes(
            listServices: ListServices(catalogs: catalogs, keys: keys, policy: policy), findService: find,
            provisionKey: provision, showsOnce: settings.keyRules.showsOnce)
        // Exposed with the portal off as well, so that a dashboard finds it.
        let signIns = SignInOutcomes(factory: registry)
        let portal = sessions.map { sessions in
            portalTable(
                sessions, verifier,
                keycloakSource(client, credentials.clientSecret, telemetry, breakers.keycloak),
                PortalRoutes.UseCases(catalogs: catalogs, services: services, keys: keyParts.routes), shared.state,
                signIns)
        }
        let routes = Routes(
            health: HealthRoutes(
                readiness: CheckReadiness(verifier: verifier, catalogs: catalogs), lifecycle: lifecycle,
                logger: logger.labelled("api")),
            services: services, keys: keyParts.routes,
            documentation: DocumentationRoutes(documentation: documentation()),
            resource: ResourceRoutes(resource: protectedResource),
            client: ClientRoutes(document: clientDocument),
            metrics: settings.telemetry.metricsPort == 0 ? telemetry.metricsRoute : nil,
            portal: portal)
        var dependencies = HelperAPI.Dependencies(
            clientAddresses: ClientAddresses(trusted: settings.trustedProxies), tracer: telemetry.tracer,
            metrics: RequestMetrics(factory: registry), cors: CORSPolicy(origins: settings.corsOrigins),
            verifier: verifier, policy: policy,
            authOutcomes: AuthOutcomes(factory: registry),
            rateLimiting: RateLimiting(limits: settings.rateLimits, state: shared.state, factory: registry),
            resource: protectedResource, deadline: settings.timeout, logger: logger.labelled("api"))
        dependencies.sessions = sessions
        return Parts(
            api: HelperAPI(routes: routes.table, dependencies), verifier: verifier, catalogs: catalogs,
            gatewayClient: gatewayClient, lifecycle: lifecycle, telemetry: telemetry, redis: shared.redis,
            sweep: keyParts.sweep, sessions: sessions,
            summariseFailures: {
                breakers.keycloak.summariseFailures()
                verifier.summariseFailures()
                manager.summariseFailures()
                catalogs.summariseFailures()
            })
    }

    func clientConfiguration(_ trust: TLSTrust?, _ metrics: (any MetricsFactory)?) -> HTTPClientConfiguration {
        var configuration = HTTPClientConfiguration(userAgent: "mlaas-helper/\(Version.number)")
        configuration.connectionsPerHost = settings.concurrency
        configuration.httpsProxy = settings.httpsProxy
        configuration.httpProxy = settings.httpProxy
        configuration.noProxy = settings.noProxy.map { ProxyExceptions($0) }
        configuration.trust = trust
        configuration.metrics = metrics
        return configuration
    }

    func threeScaleConfiguration(_ accessToken: RotatingSecret) -> ThreeScaleConfiguration {
        var configuration = ThreeScaleConfiguration(url: settings.threeScaleURL) { accessToken.current.reveal() }
        configuration.pageSize = settings.pageSize
        configuration.timeout = settings.timeout
        configuration.retries = settings.retries
        configuration.concurrency = settings.concurrency
        return configuration
    }

    // MARK: Life

    private func startBackground(_ parts: Parts, on group: EventLoopGroup) -> [Task<Void, Never>] {
        let loop = group.loops[0]
        let sleep: @Sendable (Duration) async -> Bool = { duration in
            do throws(CancellationError) {
                try await loop.sleep(for: duration)
                return true
            } catch {
                return false
            }
        }
        return [
            loop.spawn { await parts.verifier.run(sleep: sleep) },
            loop.spawn { [settings] in await parts.catalogs.run(interval: settings.catalogRefresh, sleep: sleep) },
            loop.spawn { [settings] in
                await parts.catalogs.runProbe(interval: settings.breaker.probeInterval, sleep: sleep)
            },
            loop.spawn { await parts.redis?.run(sleep: sleep) },
            loop.spawn { await parts.sweep.run(sleep: sleep) },
            loop.spawn { [log] in await log.run(sleep: sleep, summarise: parts.summariseFailures) },
            loop.spawn { await watchServiceNames(parts.catalogs, sleep: sleep) },
            // What starts takes several times the memory of what serves.
            loop.spawn { if await sleep(.seconds(1)) { releaseStartMemory() } },
        ]
    }

    private func listen(_ server: HTTPServer) async throws(StartError) -> SocketAddress {
        do {
            let address = try await server.start()
            logger.notice(
                "listening",
                metadata: [
                    "address": .string(address.description), "version": .string(Version.number),
                    "loops": .integer(settings.loops), "libraries": .string(HTTPClient.libraryVersion),
                ])
            return address
        } catch {
            let hint = (error as? UVError) == .addressInUse ? "; is another process using it? Set SERVER_PORT" : ""
            throw StartError(description: "cannot listen on \(settings.host):\(settings.port): \(error)\(hint)")
        }
    }

    /// Serves on for the drain, so that routers notice, then lets requests under way finish.
    private func drain(_ server: HTTPServer, _ signals: AsyncStream<ProcessSignals.Signal>) async {
        let finished = Task {
            try? await Task.sleep(for: settings.drain)
            return await server.shutdown(deadline: Self.shutdownDeadline)
        }
        let second = Task {
            for await signal in signals where signal == .terminate {
                logger.warning("a second signal: ending at once")
                exitNow()
            }
        }
        let cutOff = await finished.value
        second.cancel()
        if cutOff > 0 { logger.warning("requests were cut off", metadata: ["requests": .integer(cutOff)]) }
    }
}
