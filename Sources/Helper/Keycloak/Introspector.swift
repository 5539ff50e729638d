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
    /// After a failure nobody waits for the next one this long.
    private static let pause = Duration.seconds(1)

    private let source: any IntrospectionSource
    private let lifetime: Duration
    private let answers: BoundedCache<SHA256Digest, Bool>
    private let flights: SingleFlight<SHA256Digest, Answer>
    private let questions = Atomic<Int>(0)
    private let failedAt = Mutex<ContinuousClock.Instant?>(nil)
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
    func ask(_ token: ArraySlice<UInt8>, _ digest: SHA256Digest, at url: String) async -> Answer {
        let token = Array(token)
        return (try? await flights.run(digest) { [self] in await question(token, digest, url) }.value) ?? .unavailable
    }

    private func question(_ token: [UInt8], _ digest: SHA256Digest, _ url: String) async -> Answer {
        if let failed = failedAt.withLock({ $0 }), failed.duration(to: instant()) < Self.pause { return .unavailable }
        let (before, _) = questions.add(1, ordering: .relaxed)
        defer { questions.subtract(1, ordering: .relaxed) }
        guard before < Self.questionsMax else { return .unavailable }
        let asked = instant()
        do throws(KeySourceError) {
            let bytes = try await source.introspect(token[...], at: url)
            guard let answer = try? JSONValue(parsing: bytes), let isActive = answer["active"]?.bool else {
                throw KeySourceError("\(url) answered no introspection response")
            }
            failedAt.withLock { $0 = nil }
            answers.insert(isActive, for: digest, at: asked)
            return isActive ? .active(answer) : .inactive
        } catch {
            let now = instant()
            let isFirst = failedAt.withLock { failedAt in
                defer { failedAt = now }
                return failedAt == nil
            }
            logger.log(
                level: isFirst ? .warning : .debug,
                "tokens cannot be introspected: is KEYCLOAK_CLIENT_SECRET right, and may the client introspect?",
                metadata: [LogKey.error: .string(error.description)])
            return .unavailable
        }
    }
}
