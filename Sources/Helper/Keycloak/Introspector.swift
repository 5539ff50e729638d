import Crypto
import HelperCore
import JSON
import Synchronization
import Telemetry

/// Asks the issuer whether it still stands by a token (RFC 7662), and believes the answer for a short time. A token is
/// asked about only after its signature was found good, so strangers cannot make us ask.
final class Introspector: Sendable {
    enum Answer: Sendable {
        /// The claims of the answer.
        case active(JSONValue)
        case inactive
        case unavailable
    }

    private static let answersMax = 65_536
    private static let questionsMax = 64
    /// How long no question is asked after a failure: of an issuer that failed, or about a token whose own question did.
    private static let pause = Duration.seconds(1)
    private static let failedTokensMax = 4_096
    /// Bytes of an answer: room for some ten thousand roles; 64 such answers at once are 16 MiB. Beyond: nothing is known of
    /// that one token.
    static let answerBytesMax = 256 * 1024
    /// An answer as long as one may be, of the shortest roles.
    private static let limits = JSONLimits(
        maxDepth: 32, maxBytes: answerBytesMax, maxValues: 100_000)

    private let source: any IntrospectionSource
    private let lifetime: Duration
    private let answers: BoundedCache<SHA256Digest, Bool>
    private let flights: SingleFlight<SHA256Digest, Answer>
    private let questions = Atomic<Int>(0)
    /// By issuer: its last failure.
    private let failures = Mutex<[String: (at: ContinuousClock.Instant, cause: String)]>([:])
    /// Tokens whose own question failed.
    private let failedTokens: BoundedCache<SHA256Digest, Bool>
    private let logger: Logger
    private let instant: @Sendable () -> ContinuousClock.Instant

    /// - Parameters:
    ///   - lifetime: how long an answer is believed.
    ///   - instant: the time.
    init(
        source: any IntrospectionSource, lifetime: Duration, spawn: @escaping Spawn, logger: Logger,
        instant: @escaping @Sendable () -> ContinuousClock.Instant
    ) {
        self.source = source
        self.lifetime = lifetime
        self.logger = logger
        self.instant = instant
        answers = BoundedCache(capacity: Self.answersMax)
        failedTokens = BoundedCache(capacity: Self.failedTokensMax)
        flights = SingleFlight(spawn: spawn)
    }

    /// How long an answer is believed.
    var lifetimeSeconds: Double {
        let (seconds, attoseconds) = lifetime.components
        return Double(seconds) + Double(attoseconds) * 1e-18
    }

    /// Whether the token is active, as far as is known without asking.
    func known(_ digest: SHA256Digest) -> Bool? {
        guard let entry = answers.entry(digest), entry.madeAt.duration(to: instant()) < lifetime else { return nil }
        return entry.value
    }

    /// Asks, or waits for the question under way.
    func ask(_ token: ArraySlice<UInt8>, _ digest: SHA256Digest, at url: String, for issuer: String) async -> Answer {
        let token = Array(token)
        return (try? await flights.run(digest) { [self] in await question(token, digest, url, issuer) }.value)
            ?? .unavailable
    }

    private func question(
        _ token: [UInt8], _ digest: SHA256Digest, _ url: String, _ issuer: String
    ) async -> Answer {
        let asked = instant()
        if isPausing(failures.withLock { $0[issuer]?.at }, asked) { return .unavailable }
        if isPausing(failedTokens.entry(digest)?.madeAt, asked) { return .unavailable }
        let (before, _) = questions.add(1, ordering: .relaxed)
        defer { questions.subtract(1, ordering: .relaxed) }
        guard before < Self.questionsMax else { return .unavailable }
        do throws(KeySourceError) {
            let bytes = try await source.introspect(token[...], at: url, for: issuer)
            guard let answer = try? JSONValue(parsing: bytes, limits: Self.limits),
                let isActive = answer["active"]?.bool
            else { throw KeySourceError("introspection \(LoggedURL(url)): HTTP 200, but no introspection response") }
            let failed = failures.withLock { $0.removeValue(forKey: issuer) }
            if failed != nil { logger.notice("token introspection works again", metadata: ["issuer": .string(issuer)]) }
            answers.insert(isActive, for: digest, at: asked)
            return isActive ? .active(answer) : .inactive
        } catch {
            note(error, digest, issuer)
            return .unavailable
        }
    }

    private func isPausing(_ failedAt: ContinuousClock.Instant?, _ now: ContinuousClock.Instant) -> Bool {
        failedAt.map { $0.duration(to: now) < Self.pause } ?? false
    }

    /// What fails for one token is that token's failure and keeps nobody else out. Every other failure pauses the questions
    /// to this issuer, and is logged when it begins and when its cause changes.
    private func note(_ error: KeySourceError, _ digest: SHA256Digest, _ issuer: String) {
        let now = instant()
        var metadata: Logger.Metadata = [LogKey.error: .string(error.description), "issuer": .string(issuer)]
        if error.kind == .request {
            failedTokens.insert(true, for: digest, at: now)
            logger.warning("token introspection failed for one token", metadata: metadata)
            return
        }
        let isNews = failures.withLock { failures in
            let before = failures.updateValue((now, error.description), forKey: issuer)
            return before?.cause != error.description
        }
        if error.kind == .credentials {
            metadata["hint"] = "check KEYCLOAK_CLIENT_SECRET, and that the client is confidential"
        }
        logger.log(level: isNews ? .warning : .debug, "token introspection failed", metadata: metadata)
    }
}
