import Configuration
import EventLoop
import HelperCore
import HelperHTTP

/// The routes of `/api/keys` and what is behind them.
extension HelperServer {
    func keyRoutes(
        _ catalogs: CatalogStore, _ keys: OwnedKeys, _ policy: AccessPolicy, _ credentials: Credentials
    ) -> KeyRoutes {
        // Every replica has the token, and callers do not.
        let seal = PauseSeal { Array(credentials.accessToken.current.reveal().utf8) }
        let find = FindKeys(
            catalogs: catalogs, keys: keys, policy: policy, rules: KeyRules(), seal: seal, now: { wallClockSeconds() })
        return KeyRoutes(find: find)
    }
}
