import Configuration
import Crypto
import EventLoop
import HTTPClient
import HelperCore
import HelperHTTP
import Telemetry

/// The routes of `/api/keys` and what is behind them.
extension HelperServer {
    func keyRoutes(
        _ catalogs: CatalogStore, _ keys: OwnedKeys, _ policy: AccessPolicy, _ manager: any KeyManager,
        _ provision: ProvisionKey, _ replicas: Replicas, _ audit: AuditTrail, _ credentials: Credentials,
        _ factory: any MetricsFactory, _ gateway: any ModelGateway, spawn: @escaping Spawn,
        sleep: @escaping @Sendable (Duration) async -> Void
    ) -> KeyRoutes {
        // Every replica has the token, and callers do not.
        let seal = PauseSeal { Array(credentials.accessToken.current.reveal().utf8) }
        let find = FindKeys(
            catalogs: catalogs, keys: keys, policy: policy, rules: settings.keyRules, seal: seal,
            now: { wallClockSeconds() })
        let change = ChangeKeys(
            find: find, manager: manager, keys: keys, replicas: replicas, audit: audit, rules: settings.keyRules,
            seal: seal, spawn: spawn, now: { wallClockSeconds() })
        let make = MakeKeys(
            find: find, provision: provision, keys: keys, audit: audit, rules: settings.keyRules,
            now: { wallClockSeconds() })
        let test = TestKey(
            find: find, keys: keys, gateway: gateway, audit: audit, gatewayDelay: settings.keyRules.gatewayDelay,
            factory: factory, sleep: sleep)
        return KeyRoutes(find: find, change: change, make: make, test: test)
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
