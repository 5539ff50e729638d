import Configuration
import EventLoop
import HelperCore
import HelperHTTP

/// The routes of `/api/keys` and what is behind them.
extension HelperServer {
    func keyRoutes(
        _ catalogs: CatalogStore, _ keys: OwnedKeys, _ policy: AccessPolicy, _ manager: any KeyManager,
        _ provision: ProvisionKey, _ replicas: Replicas, _ audit: AuditTrail, _ credentials: Credentials,
        spawn: @escaping Spawn
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
        return KeyRoutes(find: find, change: change, make: make)
    }
}
