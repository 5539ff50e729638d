import Crypto
package import HelperCore
import JSON
package import Telemetry

/// Checks access tokens of one or more issuers against their published keys.
///
/// Nothing a token says makes us fetch from anywhere but the configured places, and an unknown key id costs one fetch per
/// cooldown, whoever asks.
package final class KeycloakTokenVerifier: TokenVerifier {
    /// When keys are fetched.
    package struct KeySettings: Sendable {
        package var refreshAfter = Duration.seconds(600)
        package var cooldown = Duration.seconds(30)
        package var maxStale = Duration.seconds(24 * 3_600)

        package init() {}
    }

    /// The names of all checks that a token may fail, as `TokenRefusal.check` has them.
    package static let checks = TokenRefusalReason.allCases.map(\.rawValue)

    private let policy: TokenPolicy
    private let issuers: [String: IssuerKeys]
    private let now: @Sendable () -> Double

    /// - Parameters:
    ///   - realmURL: `{server}/realms/{realm}`; keys of every issuer that is not a realm URL itself come from here.
    ///   - keySetURL: fetches all issuers' keys from there instead.
    ///   - refreshes: counts fetches of keys; nil counts nothing.
    ///   - now: seconds since 1970-01-01T00:00:00Z.
    package init(
        policy: TokenPolicy, realmURL: String, keySetURL: String?, settings: KeySettings, source: any KeySource,
        spawn: @escaping Spawn, logger: Logger, refreshes: KeyRefreshMetrics? = nil,
        now: @escaping @Sendable () -> Double
    ) {
        self.policy = policy
        self.now = now
        let cacheSettings = KeySetCache.Settings(
            refreshAfter: settings.refreshAfter, cooldown: settings.cooldown, maxStale: settings.maxStale)
        var issuers: [String: IssuerKeys] = [:]
        for issuer in policy.issuers {
            // With a split front and back channel the one issuer is public and the realm URL is internal.
            let base = policy.issuers.count == 1 ? realmURL : issuer
            issuers[issuer] = IssuerKeys(
                issuer: issuer, location: keySetURL.map(IssuerKeys.Location.fixed) ?? .realm(base), source: source,
                settings: cacheSettings, spawn: spawn, logger: logger, refreshes: refreshes)
        }
        self.issuers = issuers
    }

    package func verify(_ token: [UInt8]) -> TokenVerdict {
        do throws(TokenRefusalReason) {
            let jws = try CompactJWS(token, algorithms: policy.algorithms)
            let keys = try issuerKeys(jws)
            return judge(jws, keys.lookUp(jws.keyID))
        } catch {
            return .refused(refusal(error))
        }
    }

    package func verifyAfterRefresh(_ token: [UInt8]) async -> TokenVerdict {
        do throws(TokenRefusalReason) {
            let jws = try CompactJWS(token, algorithms: policy.algorithms)
            let keys = try issuerKeys(jws)
            return judge(jws, await keys.lookUpAfterFetch(jws.keyID))
        } catch {
            return .refused(refusal(error))
        }
    }

    /// The oldest issuer's; nil until every issuer's keys have been loaded once.
    package var keysAge: Duration? {
        let ages = issuers.values.map(\.age)
        return ages.contains { $0 == nil } ? nil : ages.compactMap { $0 }.max()
    }

    package var lastLoadFailed: Bool { issuers.values.contains(where: \.lastFailed) }

    /// Keeps the keys fresh.
    /// - Parameter sleep: waits, and returns false when it is time to stop.
    package func run(sleep: @Sendable (Duration) async -> Bool) async {
        var pause = Duration.milliseconds(200)
        repeat {
            for keys in issuers.values { await keys.refreshIfNeeded() }
            pause = lastLoadFailed || keysAge == nil ? min(pause * 2, .seconds(5)) : .seconds(5)
            if keysAge == nil { pause = min(pause, .seconds(1)) }
        } while await sleep(pause)
    }

    // MARK: Checks

    /// The issuer is read before the signature is checked, but only to choose among the configured key sets.
    private func issuerKeys(_ jws: CompactJWS) throws(TokenRefusalReason) -> IssuerKeys {
        guard let issuer = jws.payload["iss"]?.string, let keys = issuers[issuer] else { throw .unknownIssuer }
        return keys
    }

    private func judge(_ jws: CompactJWS, _ lookup: KeySetCache.Lookup) -> TokenVerdict {
        switch lookup {
        case .fetch: return .keysNeeded
        case .unavailable: return .keysUnavailable
        case .absent: return .refused(refusal(.unknownKey))
        case .found(let key):
            guard jws.algorithm.keyKind == key.key.kind, key.algorithm == nil || key.algorithm == jws.algorithm else {
                return .refused(refusal(.keyMismatch))
            }
            guard key.key.isValidSignature(jws.signature, for: jws.signedBytes, algorithm: jws.algorithm) else {
                return .refused(refusal(.signature))
            }
            do throws(TokenRefusal) {
                return .accepted(try ClaimChecks(policy: policy, now: now()).caller(jws.payload))
            } catch {
                return .refused(error)
            }
        }
    }

    private func refusal(_ reason: TokenRefusalReason) -> TokenRefusal {
        guard reason == .unknownIssuer else { return reason.refusal() }
        return reason.refusal(
            hint:
                "The token's 'iss' is none of: \(policy.issuers.joined(separator: ", ")). When Keycloak is reached by "
                + "several host names, list every issuer in KEYCLOAK_ISSUERS.")
    }
}
