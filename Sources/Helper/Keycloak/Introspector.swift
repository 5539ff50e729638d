import Bytes
import Crypto
import HelperCore
import JSON
import Synchronization
import Telemetry

/// Asks the issuer whether it still stands by a token (RFC 7662), and believes the answer for a short time. A token is
/// asked about only after its signature was found good, so strangers cannot make us ask. The questions of one owner wait in a
/// queue of their own, so that one user's many tokens do not hold up questions about another's.
final class Introspector: Sendable {
    enum Answer: Sendable {
        /// The claims of the answer.
        case active(JSONValue)
        case inactive
        case unavailable
    }

    private static let answersMax = 65_536
    /// Requests of one owner that wait for an answer.
    private static let waitersOfOwnerMax = 64
    /// How long a question waits for its turn.
    private static let turnMax = Duration.seconds(5)
    /// How long no question is asked after a failure: of an issuer that failed, or about a token whose own question did.
    private static let pause = Duration.seconds(1)
    private static let failedTokensMax = 4_096
    /// Bytes of an answer: room for some ten thousand roles; 32 such answers at once are 8 MiB. Beyond: nothing is known of
    /// that one token.
    static let answerBytesMax = 256 * 1024
    /// An answer as long as one may be, of the shortest roles.
    static let limits = JSONLimits(
        maxDepth: 32, maxBytes: answerBytesMax, maxValues: 100_000)

    private let source: any IntrospectionSource
    private let lifetime: Duration
    private let answers: BoundedCache<SHA256Digest, Bool>
    private let flights: SingleFlight<SHA256Digest, Answer>
    /// By issuer: one that is slow holds up no other.
    private let queues: [String: Queue]
    private let sleep: @Sendable (Duration) async -> Void
    /// By issuer: when it failed last.
    private let failedAt = Mutex<[String: ContinuousClock.Instant]>([:])
    private let failures = Mutex(FailureSummary<Failure>())
    /// Tokens whose own question failed.
    private let failedTokens: BoundedCache<SHA256Digest, Bool>
    private let logger: Logger
    private let instant: @Sendable () -> ContinuousClock.Instant

    /// What one line of the log tells about questions.
    private struct Failure: Hashable, Sendable {
        let issuer: String
        let cause: String
        let hint: String?
        /// Whether other tokens can still be asked about.
        let isOfOneToken: Bool
    }

    /// The questions to one issuer.
    private final class Queue: Sendable {
        let slots: CallSlots
        let waiters: BoundedWaiters<CallOwner, Answer>

        init(callsMax: Int, waitersMax: Int, spawn: @escaping Spawn) {
            slots = CallSlots(count: callsMax, waitersMax: waitersMax)
            waiters = BoundedWaiters(totalMax: waitersMax, eachMax: Introspector.waitersOfOwnerMax, spawn: spawn)
        }
    }

    /// - Parameters:
    ///   - lifetime: how long an answer is believed.
    ///   - issuers: all that are asked.
    ///   - callsMax: questions in flight, of all issuers.
    ///   - waitersMax: requests that wait for an answer of one issuer.
    ///   - instant: the time.
    init(
        source: any IntrospectionSource, lifetime: Duration, issuers: [String], callsMax: Int, waitersMax: Int,
        spawn: @escaping Spawn, sleep: @escaping @Sendable (Duration) async -> Void, logger: Logger,
        instant: @escaping @Sendable () -> ContinuousClock.Instant
    ) {
        let share = max(1, callsMax / max(1, issuers.count))
        queues = Dictionary(
            issuers.map { ($0, Queue(callsMax: share, waitersMax: waitersMax, spawn: spawn)) },
            uniquingKeysWith: { first, _ in first })
        self.sleep = sleep
        self.source = source
        self.lifetime = lifetime
        self.logger = logger
        self.instant = instant
        answers = BoundedCache(capacity: Self.answersMax)
        failedTokens = BoundedCache(capacity: Self.failedTokensMax)
        flights = SingleFlight(spawn: spawn)
    }

    /// How long an answer is believed.
    var lifetimeSeconds: Double { lifetime.inSeconds }

    /// Whether the token is active, as far as is known without asking.
    func known(_ digest: SHA256Digest) -> Bool? {
        guard let entry = answers.entry(digest), entry.madeAt.duration(to: instant()) < lifetime else { return nil }
        return entry.value
    }

    /// Asks, or waits for the question under way. When too many requests wait, nothing can be said of the token, or of that of
    /// a request that gives way to it.
    /// - Parameter owner: whose token it is.
    func ask(
        _ token: ArraySlice<UInt8>, _ digest: SHA256Digest, at url: String, for issuer: String, owner: CallOwner
    ) async -> Answer {
        guard let queue = queues[issuer] else { return .unavailable }
        let token = Array(token)
        let answer = await queue.waiters.wait(as: owner) { [self] in
            let answer = try? await flights.run(digest) { [self] in
                await CallOwner.$current.withValue(owner) { await question(token, digest, url, issuer, queue.slots) }
            }.value
            return answer ?? .unavailable
        }
        return answer ?? .unavailable
    }

    private func question(
        _ token: [UInt8], _ digest: SHA256Digest, _ url: String, _ issuer: String, _ slots: CallSlots
    ) async -> Answer {
        let limit = max(.zero, Deadline.remaining(atMost: Self.turnMax))
        guard let slot = try? await slots.enter(CallOwner.current, within: limit, sleep: sleep) else {
            return .unavailable
        }
        defer { slot.giveBack() }
        let asked = instant()
        if isPausing(failedAt.withLock { $0[issuer] }, asked) { return .unavailable }
        if isPausing(failedTokens.entry(digest)?.madeAt, asked) { return .unavailable }
        do throws(KeySourceError) {
            let bytes = try await source.introspect(token[...], at: url, for: issuer)
            guard let answer = try? JSONValue(parsing: bytes, limits: Self.limits),
                let isActive = answer["active"]?.bool
            else { throw KeySourceError("introspection \(LoggedURL(url)): HTTP 200, but no introspection response") }
            let failed = failedAt.withLock { $0.removeValue(forKey: issuer) }
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

    /// A failure of one token refuses that token alone. Every other failure pauses the questions
    /// to this issuer. Each cause is logged when it begins, and as a sum for each minute with more of it.
    private func note(_ error: KeySourceError, _ digest: SHA256Digest, _ issuer: String) {
        let now = instant()
        let isOfOneToken = error.kind == .request
        if isOfOneToken {
            failedTokens.insert(true, for: digest, at: now)
        } else {
            failedAt.withLock { $0[issuer] = now }
        }
        let secret = "check KEYCLOAK_CLIENT_SECRET, and that the client is confidential"
        let failure = Failure(
            issuer: issuer, cause: error.description, hint: error.kind == .credentials ? secret : error.hint,
            isOfOneToken: isOfOneToken)
        if failures.withLock({ $0.failed(failure, now: now) }) { log(failure, count: 1) }
    }

    /// Logs the summaries of failures whose minute is over. Called every second or so.
    func summariseFailures(now: ContinuousClock.Instant) {
        for (failure, count) in failures.withLock({ $0.takeDue(now: now) }) {
            log(
                failure ?? Failure(issuer: "several", cause: "other causes", hint: nil, isOfOneToken: false),
                count: count)
        }
    }

    private func log(_ failure: Failure, count: Int) {
        var metadata: Logger.Metadata = [
            LogKey.error: .string(failure.cause), "issuer": .string(failure.issuer), "failures": .integer(count),
        ]
        if let hint = failure.hint { metadata["hint"] = .string(hint) }
        logger.warning(
            "token introspection failed\(failure.isOfOneToken ? " for one token" : "")", metadata: metadata)
    }
}
