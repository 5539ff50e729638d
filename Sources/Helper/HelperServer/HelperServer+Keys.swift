import Configuration
import Crypto
import EventLoop
import HTTPClient
import HelperCore
import HelperHTTP
import Telemetry

/// The routes of `/api/keys`, the sweep that ends keys, and what is behind both.
extension HelperServer {
    struct KeyParts: Sendable {
        let routes: KeyRoutes
        let sweep: SweepKeys
    }

    func keyParts(
        _ catalogs: CatalogStore, _ keys: OwnedKeys, _ policy: AccessPolicy, _ manager: any KeyScan & UsageReader,
        _ provision: ProvisionKey, _ replicas: Replicas, _ audit: AuditTrail, _ credentials: Credentials,
        _ deadlines: KeyDeadlines, _ factory: any MetricsFactory, _ gateway: any ModelGateway, spawn: @escaping Spawn,
        sleep: @escaping @Sendable (Duration) async -> Void
    ) -> KeyParts {
        // Every replica has the token, and callers do not.
        let seal = PauseSeal { Array(credentials.accessToken.current.reveal().utf8) }
        let rules = settings.keyRules
        let find = FindKeys(
            catalogs: catalogs, keys: keys, policy: policy, rules: rules, seal: seal, deadlines: deadlines,
            now: { deadlines.clock })
        let change = ChangeKeys(
            find: find, manager: manager, keys: keys, replicas: replicas, audit: audit, rules: rules, seal: seal,
            deadlines: deadlines, spawn: spawn, sleep: sleep, now: { deadlines.clock })
        let make = MakeKeys(
            find: find, provision: provision, keys: keys, audit: audit, rules: rules, deadlines: deadlines,
            replicas: replicas, now: { deadlines.clock })
        var limits = SweepKeys.Limits()
        limits.concurrency = settings.concurrency
        limits.pageSize = min(limits.pageSize, settings.pageSize)
        let sweep = SweepKeys(
            deadlines: deadlines, manager: manager, catalogs: catalogs, keys: keys, replicas: replicas, audit: audit,
            rules: rules, seal: seal, limits: limits, logger: logger.labelled("sweep"))
        let test = TestKey(
            find: find, keys: keys, gateway: gateway, audit: audit, gatewayDelay: rules.gatewayDelay,
            factory: factory, sleep: sleep)
        let usage = ReadUsage(
            find: find, reader: manager, factory: factory, spawn: spawn, now: { wallClockSeconds() })
        let routes = KeyRoutes(
            find: find, change: change, make: make, test: test, usage: usage, now: { wallClockSeconds() })
        return KeyParts(routes: routes, sweep: sweep)
    }

    /// What tests of keys are sent with: proxies and roots as configured. Connections are few and none is kept, since each test is
    /// to see what a new client would.
    func gatewayConfiguration(_ trust: TLSTrust?) -> HTTPClientConfiguration {
        var configuration = clientConfiguration(trust, nil)
        configuration.connectionsPerHost = 8
        configuration.idleConnections = 0
        return configuration
    }
}
