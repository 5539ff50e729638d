import Crypto
package import HelperCore
import JSON
package import Telemetry

/// Checks access tokens of one or more issuers against their published keys, and remembers what it found.
///
/// Nothing a token says makes us fetch from anywhere but the configured places, and unknown key ids cost one fetch per client
/// and cooldown.
package final class KeycloakTokenVerifier: TokenVerifier {
    /// How issuers are asked about tokens.
    package struct Introspection: Sendable {
        package var source: any IntrospectionSource
        /// How long an answer is believed.
        package var lifetime: Duration
        /// Questions in flight. No more than the client has connections to one host: others would wait in the client's own
        /// queue until their time is up.
        package var callsMax: Int

        package init(source: any IntrospectionSource, lifetime: Duration, callsMax: Int = 32) {
            self.source = source
            self.lifetime = lifetime
            self.callsMax = callsMax
        }
    }

    /// What the verifier works with.
    package struct Parts: Sendable {
        package var source: any KeySource
        /// Asks the issuer about each token; nil checks locally alone.
        package var introspection: Introspection?
        package var spawn: Spawn
        /// Waits for so long, or until its task is cancelled.
        package var sleep: @Sendable (Duration) async -> Void
        package var logger: Logger
        package var metrics: any MetricsFactory
        /// Seconds since 1970-01-01T00:00:00Z.
        package var now: @Sendable () -> Double
        /// The time by which answers of introspection grow old.
        package var instant: @Sendable () -> ContinuousClock.Instant

        package init(
            source: any KeySource, introspection: Introspection? = nil,
            spawn: @escaping Spawn,
            sleep: @escaping @Sendable (Duration) async -> Void = { try? await Task.sleep(for: $0) },
            logger: Logger, metrics: any MetricsFactory,
            now: @escaping @Sendable () -> Double,
            instant: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
        ) {
            self.source = source
            self.introspection = introspection
            self.spawn = spawn
            self.sleep = sleep
            self.logger = logger
            self.metrics = metrics
            self.now = now
            self.instant = instant
        }
    }

    /// Requests that may wait for one issuer's keys, and as many for its answers to introspections: two issuers share what
    /// one has, and more of them have 256 each.
    private static func waitersMax(issuers: Int) -> Int { max(256, 512 / max(1, issuers)) }

    let policy: TokenPolicy
    /// By `iss`: the identity issuer, and the keys to check by.
    private let issuers: [ExactName: (identity: String, keys: IssuerKeys)]
    /// Each once, though issuers may share one.
    private let keySets: [IssuerKeys]
    private let recent = RecentTokens()
    private let verified: VerifiedTokenCache
    private let introspector: Introspector?
    let now: @Sendable () -> Double

    package init(policy: TokenPolicy, places: IssuerPlaces, settings: KeySettings, parts: Parts) {
        self.policy = policy
        now = parts.now
        verified = VerifiedTokenCache(metrics: CacheMetrics(cache: .tokens, factory: parts.metrics))
        let waitersMax = Self.waitersMax(issuers: places.keySetURL == nil ? policy.issuers.count : 1)
        let refreshes = KeyRefreshMetrics(factory: parts.metrics)
        func keys(_ issuer: String, name: String) -> IssuerKeys {
            let base = places.base(of: issuer, among: policy.issuers)
            let endpoints = IssuerEndpoints(
                issuer: issuer, base: base, keySetURL: places.keySetURL, introspectionURL: places.introspectionURL,
                source: parts.source, logger: parts.logger)
            return IssuerKeys(
                name: name, endpoints: endpoints, source: parts.source, settings: settings.cache,
                waitersMax: waitersMax, spawn: parts.spawn, sleep: parts.sleep, refreshes: refreshes,
                logger: parts.logger)
        }
        if places.keySetURL != nil, let first = policy.issuers.first {
            keySets = [keys(first, name: policy.issuers.joined(separator: ", "))]
        } else {
            keySets = policy.issuers.map { keys($0, name: $0) }
        }
        introspector = parts.introspection.map { [keySets] introspection in
            Introspector(
                source: introspection.source, lifetime: introspection.lifetime,
                issuers: keySets.map(\.endpoints.issuer), callsMax: introspection.callsMax, waitersMax: waitersMax,
                spawn: parts.spawn, sleep: parts.sleep, logger: parts.logger, instant: parts.instant)
        }
        var issuers: [ExactName: (identity: String, keys: IssuerKeys)] = [:]
        for (index, issuer) in policy.issuers.enumerated() {
            issuers[ExactName(issuer)] = (
                policy.identityIssuer(of: issuer), keySets[keySets.count == 1 ? 0 : index]
            )
        }
        self.issuers = issuers
    }

    package func verify(_ token: ArraySlice<UInt8>) -> TokenVerdict {
        let now = now()
        if let entry = recent.entry(token, now: now) {
            verified.noteHit()
            return standing(of: entry.verified.caller, entry.digest)
        }
        let digest = SHA256Digest(of: token)
        if let known = verified.token(digest, now: now) {
            recent.offer(token, digest, known)
            return standing(of: known.caller, digest)
        }
        do throws(TokenRefusal) {
            let jws = try CompactJWS(token, algorithms: policy.algorithms)
            let (issuer, keys) = try issuer(of: jws)
            let generation: UInt64
            switch keys.lookUp(jws.keyID) {
            case .fetch: return .undecided
            case .unavailable: return .unavailable
            case .unknownUnavailable: return .unknownKeyUnavailable
            case .absent: throw TokenRefusalReason.unknownKey.refusal()
            case .found(let key, let found):
                try checkSignature(jws, key)
                generation = found
            }
            let checks = ClaimChecks(policy: policy, now: now)
            if let introspector {
                if introspector.known(digest) == false { throw TokenRefusalReason.inactive.refusal() }
                try checkBeforeAsking(jws.payload, checks)
                return .undecided
            }
            let caller = try checks.caller(jws.payload, issuer: issuer)
            remember(caller, digest, until: checks.end(of: jws.payload), keys, generation)
            return standing(of: caller, digest)
        } catch {
            return .refused(error)
        }
    }

    package func verifyByAsking(_ token: ArraySlice<UInt8>, from client: String = "") async -> TokenVerdict {
        let digest = SHA256Digest(of: token)
        // Another call may have asked while this one was on its way here.
        if let introspector, let answer = introspector.known(digest) {
            if !answer { return .refused(TokenRefusalReason.inactive.refusal()) }
            if let known = verified.token(digest, now: now()) { return .accepted(known.caller) }
        }
        do throws(TokenRefusal) {
            let jws = try CompactJWS(token, algorithms: policy.algorithms)
            let (issuer, keys) = try issuer(of: jws)
            let generation: UInt64
            switch await keys.lookUpAfterFetch(jws.keyID, from: client) {
            case .fetch, .unavailable: return .unavailable
            case .unknownUnavailable: return .unknownKeyUnavailable
            case .absent: throw TokenRefusalReason.unknownKey.refusal()
            case .found(let key, let found):
                try checkSignature(jws, key)
                generation = found
            }
            let checks = ClaimChecks(policy: policy, now: now())
            var claims = jws.payload
            var until = Double.infinity
            if let introspector {
                try checkBeforeAsking(claims, checks)
                let url = await keys.endpoints.introspectionURL()
                let owner = Self.owner(claims, issuer)
                switch await introspector.ask(token, digest, at: url, for: keys.endpoints.issuer, owner: owner) {
                case .unavailable: return .unavailable
                case .inactive: throw TokenRefusalReason.inactive.refusal()
                case .active(let answer):
                    claims = try CompletedClaims.complete(claims, by: answer, clientID: policy.clientID)
                    until = checks.now + introspector.lifetimeSeconds
                }
            }
            let caller = try checks.caller(claims, issuer: issuer)
            remember(caller, digest, until: min(until, checks.end(of: claims)), keys, generation)
            return .accepted(caller)
        } catch {
            return .refused(error)
        }
    }

    /// The oldest issuer's, of those whose keys have been loaded; nil while none has. A second issuer that cannot be
    /// reached must not keep the first one's people out.
    package var keysAge: Duration? { keySets.compactMap(\.age).max() }

    package var lastLoadFailed: Bool { keySets.contains(where: \.lastFailed) }

    /// Logs the summaries of failed fetches and questions whose minute is over. Called every second or so.
    package func summariseFailures(now: ContinuousClock.Instant = .now) {
        for keys in keySets { keys.summariseFailures(now: now) }
        introspector?.summariseFailures(now: now)
    }

    /// Keeps the keys fresh.
    /// - Parameter sleep: waits, and returns false when it is time to stop.
    package func run(sleep: @Sendable (Duration) async -> Bool) async {
        repeat {
            // Side by side: an issuer that answers slowly must not hold up the others.
            await withTaskGroup(of: Void.self) { group in
                for keys in keySets { group.addTask { await keys.refreshIfNeeded() } }
            }
        } while await sleep(keysAge == nil || lastLoadFailed ? .milliseconds(200) : .seconds(1))
    }

    // MARK: Checks

    /// The issuer is read before the signature is checked, but only to choose among the configured key sets.
    /// - Returns: its identity issuer and its keys.
    func issuer(of jws: CompactJWS) throws(TokenRefusal) -> (String, IssuerKeys) {
        let name = jws.payload["iss"]?.string
        // The policy's own text is returned, so that all callers share it.
        guard let found = name.flatMap({ issuers[ExactName($0)] }) else {
            throw TokenRefusalReason.unknownIssuer.refusal(hint: TokenHints.issuer(name, accepted: policy.issuers))
        }
        return found
    }

    func checkSignature(_ jws: CompactJWS, _ key: KeySet.Key) throws(TokenRefusal) {
        guard jws.algorithm.keyKind == key.key.kind, key.algorithm == nil || key.algorithm == jws.algorithm else {
            throw TokenRefusalReason.keyMismatch.refusal()
        }
        guard key.key.isValidSignature(jws.signature, for: jws.signedBytes, algorithm: jws.algorithm) else {
            throw TokenRefusalReason.signature.refusal()
        }
    }

    private func remember(
        _ caller: Caller, _ digest: SHA256Digest, until end: Double, _ keys: IssuerKeys, _ generation: UInt64
    ) {
        let stale = now() + Double(keys.usable.components.seconds)
        verified.insert(
            VerifiedToken(caller, goodUntil: min(end, stale), keys: keys, generation: generation), for: digest)
    }

    // MARK: Introspection

    /// What a token must pass before its issuer is asked about it, so that few can make us ask. What it lacks, the answer may
    /// complete.
    private func checkBeforeAsking(_ claims: JSONValue, _ checks: ClaimChecks) throws(TokenRefusal) {
        try checks.checkToken(claims)
        if claims["aud"] != nil { try checks.checkAudience(claims) }
    }

    /// Whose turn it is to ask about a token. A lightweight token need not name its subject, but its session or its client.
    private static func owner(_ claims: JSONValue, _ issuer: String) -> CallOwner {
        let name = claims["sub"]?.string ?? claims["sid"]?.string ?? claims["azp"]?.string
        return .caller(OwnerMark(issuer: issuer, subject: name ?? ""))
    }

    /// The verdict on a token that is good by itself, as far as it is known without asking.
    private func standing(of caller: Caller, _ digest: SHA256Digest) -> TokenVerdict {
        guard let introspector else { return .accepted(caller) }
        return switch introspector.known(digest) {
        case true: .accepted(caller)
        case false: .refused(TokenRefusalReason.inactive.refusal())
        case nil: .undecided
        }
    }
}
