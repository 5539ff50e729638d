import Crypto
import HTTP
import HTTPClient
import HelperCore
import JSON
import Telemetry
import Upstream

/// One call of the Account Management API: bounds, retries, and what its answers mean.
struct ThreeScaleTransport: Sendable {
    private static let responseBytesMax = 16 * 1024 * 1024

    /// A write must leave time to look up what became of it.
    private static let lookUpReserve = Duration.seconds(5)

    /// A call of ours that waits longer than this for a slot is refused.
    private static let slotWaitMax = Duration.seconds(5)

    /// The part of what is left of its deadline that a call of a sequence may wait, if that is longer: a person who asks for a key
    /// gains more from a late one than from an early refusal.
    private static let sequenceWaitShare = 2

    /// What 3scale answered, and when by its own clock.
    struct Dated: Sendable {
        let value: JSONValue
        /// Seconds since 1970: the `Date` of the answer, or our own clock's where something removed it.
        let time: Int
    }

    /// Why a call failed, with what decides whether it is repeated.
    private struct Failure: Error {
        let error: APIManagerError
        /// For the metric, where the error does not say enough.
        var outcome: UpstreamOutcome?
        /// Our own refusal, such as a full queue: repeating it would make matters worse.
        var isRefusedHere = false
        /// 3scale answered, be it with an error.
        var isAnswer = false
    }

    let breaker: CircuitBreaker
    let log: DependencyLog
    private let configuration: ThreeScaleConfiguration
    private let client: TracedClient<ThreeScaleOperation>
    private let slots: CallSlots
    private let sleep: @Sendable (Duration) async -> Void
    private let metrics: UpstreamMetrics<ThreeScaleOperation>
    /// Seconds since 1970.
    private let wallClock: @Sendable () -> Int

    init(
        configuration: ThreeScaleConfiguration, client: HTTPClient, metrics: UpstreamMetrics<ThreeScaleOperation>,
        tracer: Tracer,
        breaker: CircuitBreaker, logger: Logger?, wallClock: @escaping @Sendable () -> Int,
        sleep: @escaping @Sendable (Duration) async -> Void
    ) {
        self.configuration = configuration
        self.client = TracedClient(client, tracer: tracer)
        self.metrics = metrics
        self.breaker = breaker
        self.sleep = sleep
        self.wallClock = wallClock
        log = DependencyLog(system: .threeScale, address: configuration.baseURL, logger: logger)
        slots = CallSlots(count: configuration.concurrency, waitersMax: 256)
    }

    /// Reads; safe to repeat, and repeated when the failure may pass and the breaker is closed.
    /// - Parameter path: below `/admin/api/`, or from the root where it begins with a slash; percent-encoded. One that ends in
    ///   `.xml` is answered as `AccountXML` reads it.
    func get(
        _ path: String, _ query: [(String, String)] = [], operation: ThreeScaleOperation
    ) async throws(APIManagerError) -> JSONValue { try await dated(path, query, operation: operation).value }

    /// As `get`, with the time of the answer.
    func dated(
        _ path: String, _ query: [(String, String)] = [], operation: ThreeScaleOperation
    ) async throws(APIManagerError) -> Dated {
        do throws(Failure) {
            return try await read(path, query, operation: operation, retries: configuration.retries)
        } catch {
            throw error.error
        }
    }

    /// Reads a document whose failure concerns itself alone: an error that 3scale answers is returned, once, and does not count
    /// against 3scale.
    /// - Throws: when there is no answer at all.
    func document(
        _ path: String, _ query: [(String, String)] = [], operation: ThreeScaleOperation
    ) async throws(APIManagerError) -> Result<JSONValue, APIManagerError> {
        do throws(Failure) {
            return .success(try await read(path, query, operation: operation, retries: 0, isOneOfMany: true).value)
        } catch {
            guard error.isAnswer else { throw error.error }
            return .failure(error.error)
        }
    }

    /// Writes; sent once.
    func write(
        _ method: HTTPMethod, _ path: String, _ form: [(String, String)] = [], operation: ThreeScaleOperation
    ) async throws(APIManagerError) -> Dated {
        do throws(Failure) {
            return try await send(method, path, form: form, operation: operation)
        } catch {
            throw error.error
        }
    }

    /// Reads to learn whether 3scale answers: past the breaker and past the queue for slots.
    func probe(_ path: String, _ query: [(String, String)], operation: ThreeScaleOperation) async {
        let ask = { [self] in
            let began = ContinuousClock.now
            do throws(Failure) {
                _ = try await exchange(.get, path, query, nil, operation)
                metrics.record(operation, .ok, since: began)
            } catch {
                metrics.record(operation, Self.outcome(error), since: began)
            }
        }
        if breaker.isOpen { await breaker.probe(ask) } else { await ask() }
    }

    // MARK: One exchange

    private func read(
        _ path: String, _ query: [(String, String)], operation: ThreeScaleOperation, retries: Int,
        isOneOfMany: Bool = false
    ) async throws(Failure) -> Dated {
        var attempt = 0
        while true {
            do throws(Failure) {
                return try await send(.get, path, query: query, operation: operation, isOneOfMany: isOneOfMany)
            } catch {
                attempt += 1
                guard !error.isRefusedHere, error.outcome != .accessDenied, attempt <= retries, !breaker.isOpen,
                    let pause = Self.pause(after: error.error, attempt),
                    Deadline.remaining(atMost: configuration.timeout) > pause
                else { throw error }
                await sleep(pause)
            }
        }
    }

    private func send(
        _ method: HTTPMethod, _ path: String, query: [(String, String)] = [], form: [(String, String)]? = nil,
        operation: ThreeScaleOperation, isOneOfMany: Bool = false
    ) async throws(Failure) -> Dated {
        let began = ContinuousClock.now
        do throws(Failure) {
            let slot = try await admission()
            defer { slot?.giveBack() }
            let value = try await exchange(method, path, query, form, operation, isOneOfMany: isOneOfMany)
            metrics.record(operation, .ok, since: began)
            return value
        } catch {
            metrics.record(operation, Self.outcome(error), since: began)
            throw error
        }
    }

    /// The slot of a call that may be made now; nil for the breaker's probe. That is one call an interval, so it passes the
    /// queue, which would refuse it when it is full of calls that hang.
    private func admission() async throws(Failure) -> CallSlots.Slot? {
        // A call that has no time to learn anything must not use up the probe.
        if breaker.isOpen, !hasTimeToProbe { throw refusal(breaker.probeInterval) }
        switch breaker.admit() {
        case .refused(let wait): throw refusal(wait)
        case .probe: return nil
        case .pass:
            let slot = try await slot()
            // It may have opened while this call waited.
            if breaker.isOpen { throw refusal(breaker.probeInterval) }
            return slot
        }
    }

    /// Whether a call that begins now has time to learn that 3scale is back.
    private var hasTimeToProbe: Bool {
        Deadline.remaining(atMost: configuration.timeout) >= min(.seconds(1), configuration.timeout / 4)
    }

    /// Whether a time-out after so long speaks against 3scale. Calls before it, or our own queue, took the rest of the time of a
    /// call that has less than most of it.
    private func judges(_ remaining: Duration) -> Bool { remaining >= configuration.timeout * 3 / 4 }

    private func slot() async throws(Failure) -> CallSlots.Slot {
        do throws(CallSlots.Refusal) {
            let sequence = CallOwner.current == .background ? nil : CallSequence.current
            var limit = Self.slotWaitMax
            if sequence != nil {
                limit = max(limit, Deadline.remaining(atMost: configuration.timeout) / Self.sequenceWaitShare)
            }
            return try await slots.enter(
                CallOwner.current, of: sequence, within: max(.zero, Deadline.remaining(atMost: limit)), sleep: sleep)
        } catch {
            let cause =
                error == .full
                ? "the queue for calls to 3scale is full" : "no slot for a call to 3scale became free in time"
            throw Failure(
                error: .unavailable(retryAfter: .seconds(1), cause: cause, outcomeUnknown: false), outcome: .noSlot,
                isRefusedHere: true)
        }
    }

    private func refusal(_ wait: Duration) -> Failure {
        let cause = "circuit breaker open for 3scale; last: \(log.lastCause ?? "unknown")"
        return Failure(
            error: .unavailable(retryAfter: max(wait, .seconds(1)), cause: cause, outcomeUnknown: false),
            outcome: .breakerOpen, isRefusedHere: true)
    }

    private func exchange(
        _ method: HTTPMethod, _ path: String, _ query: [(String, String)], _ form: [(String, String)]?,
        _ operation: ThreeScaleOperation, isOneOfMany: Bool = false
    ) async throws(Failure) -> Dated {
        let isWrite = method != .get
        var remaining = Deadline.remaining(atMost: configuration.timeout)
        let judges = judges(remaining)
        if isWrite { remaining -= min(remaining / 3, Self.lookUpReserve) }
        guard remaining > .zero else {
            throw Failure(
                error: .timeout(cause: "no time left for \(operation)", outcomeUnknown: false), outcome: .deadline,
                isRefusedHere: true)
        }
        let response: HTTPClientResponse
        do throws(HTTPClientError) {
            response = try await executeSafely(request(method, path, query, form, remaining), operation)
        } catch {
            let failure = translate(error, isWrite, operation)
            let isOurTimeout = error.isTimeout && !judges
            let outcome = UpstreamOutcome(error)
            if error.isPeersFault, !isOneOfMany || error != .timeout(mayHaveBeenSent: true), !isOurTimeout {
                let opened = breaker.failed(for: error.mayBeOfOneRequest ? CallOwner.current : .background)
                log.failed(
                    operation, cause: error.description, hint: error.advice(setting: "THREESCALE_ADMIN_API_URL"),
                    openedBreaker: opened)
            }
            throw Failure(
                error: failure, outcome: isOurTimeout && outcome == .timeout ? .deadline : outcome,
                isRefusedHere: error == .queueTimeout)
        }
        do throws(APIManagerError) {
            let value = try ThreeScaleAnswer.value(
                of: response, isWrite: isWrite, kind: Self.kind(path, query, isOneOfMany), now: wallClock(),
                hiding: secrets(of: form))
            log.succeeded(operation, closedBreaker: breaker.succeeded())
            return Dated(value: value, time: response.fields["date"].flatMap { HTTPDate.seconds($0) } ?? wallClock())
        } catch {
            judge(error, response, operation, isOneOfMany, hiding: secrets(of: form))
            throw Failure(error: error, outcome: Self.outcome(of: response), isAnswer: true)
        }
    }

    /// Nil where the error that it becomes says as much. A page in 3scale's place says nothing of our token, whatever its status.
    private static func outcome(of response: HTTPClientResponse) -> UpstreamOutcome? {
        switch response.status.code {
        case 429: .rateLimited
        case 401: .accessDenied
        case 403 where ThreeScaleAnswer.isPage(response): .malformed
        default: nil
        }
    }

    /// What no log may hold of a request, in each form in which an answer may repeat it.
    private func secrets(of form: [(String, String)]?) -> [String] {
        let token = configuration.accessToken()
        let names = ["password", "user_key", "application_key", "key"]
        let values = [token] + (form ?? []).filter { names.contains($0.0) }.map(\.1)
        return [Base64.encode(Array(":\(token)".utf8))] + values + values.map { PercentEncoding.encode($0) }
    }

    /// Counts an error that 3scale answered for or against it, and logs it.
    private func judge(
        _ error: APIManagerError, _ response: HTTPClientResponse, _ operation: ThreeScaleOperation,
        _ isOneOfMany: Bool, hiding secrets: [String]
    ) {
        let status = response.status.code
        let cause = "3scale answered \(status): \(ThreeScaleAnswer.summary(response, hiding: secrets))"
        let hint = DependencyAdvice.threeScale(
            status: status, isPage: ThreeScaleAnswer.isPage(response), isEmpty: response.body.isEmpty,
            isUsage: operation == .getUsage)
        switch error {
        case .notFound: log.succeeded(operation, closedBreaker: breaker.succeeded())
        case .rejected:
            log.succeeded(operation, closedBreaker: breaker.succeeded())
            log.refused(operation, status: status, cause: cause)
        case .accessDenied:
            log.succeeded(operation, closedBreaker: breaker.succeeded())
            log.failed(operation, cause: cause, hint: hint)
        case .unavailable, .malformed, .timeout:
            // A 429 speaks neither for 3scale nor against it; nor does one broken document among many.
            let counts = status != 429 && !isOneOfMany
            log.failed(
                operation, cause: cause, hint: hint, openedBreaker: counts && breaker.failed(for: CallOwner.current))
        }
    }

    /// A write gets a connection of its own. A read that met a connection which the peer had closed is sent once more on a new
    /// one.
    private func executeSafely(
        _ request: HTTPClientRequest, _ operation: ThreeScaleOperation
    ) async throws(HTTPClientError) -> HTTPClientResponse {
        var request = request
        request.needsNewConnection = request.method != .get
        let began = ContinuousClock.now
        do throws(HTTPClientError) {
            return try await client.execute(request, operation)
        } catch {
            let left = request.timeout - began.duration(to: .now)
            guard case .connectionLost = error, !request.needsNewConnection, left > .zero else { throw error }
            request.needsNewConnection = true
            request.timeout = left
            return try await client.execute(request, operation)
        }
    }

    private func request(
        _ method: HTTPMethod, _ path: String, _ query: [(String, String)], _ form: [(String, String)]?,
        _ timeout: Duration
    ) -> HTTPClientRequest {
        var url = configuration.baseURL + (path.hasPrefix("/") ? path : "/admin/api/\(path)")
        if !Self.isXML(path) { url += ".json" }
        if !query.isEmpty { url += "?" + Self.encode(query) }
        var request = HTTPClientRequest(
            method: method, url: url, timeout: timeout, maxResponseBytes: Self.responseBytesMax)
        // Either half may hold the token; the name is where people look for it. Never in the URL: proxies log those.
        request.basicCredentials = BasicCredentials(user: "", password: configuration.accessToken())
        request.fields.append("accept", Self.isXML(path) ? "application/xml" : "application/json")
        if let form, method != .delete {
            request.fields.append("content-type", "application/x-www-form-urlencoded")
            request.body = Array(Self.encode(form).utf8)
        }
        return request
    }

    private func translate(_ error: HTTPClientError, _ isWrite: Bool, _ operation: ThreeScaleOperation)
        -> APIManagerError
    {
        let unknown = isWrite && error.requestMayHaveBeenProcessed
        let cause = "3scale \(operation) at \(configuration.baseURL): \(error)"
        return switch error {
        case .timeout, .queueTimeout: .timeout(cause: cause, outcomeUnknown: unknown)
        case .responseTooLarge, .malformedResponse, .invalidRequest: .malformed(cause: cause, outcomeUnknown: unknown)
        default: .unavailable(retryAfter: nil, cause: cause, outcomeUnknown: unknown)
        }
    }

    private static func kind(
        _ path: String, _ query: [(String, String)], _ isOneOfMany: Bool
    ) -> ThreeScaleAnswer.Kind {
        if isXML(path) { return .accountXML }
        if path.hasPrefix("/stats/") { return .statistics }
        if isOneOfMany { return .optional }
        let isOfAll = !query.contains { $0.0 == "service_id" }
        return isOfAll && ["services", "application_plans", "applications"].contains(path) ? .collection : .record
    }

    private static func isXML(_ path: String) -> Bool { path.hasSuffix(".xml") }

    private static func encode(_ pairs: [(String, String)]) -> String {
        pairs.map { "\(PercentEncoding.encode($0.0))=\(PercentEncoding.encode($0.1))" }.joined(separator: "&")
    }

    /// Nil when repeating is of no use. Doubles each time, with jitter so that replicas do not march in step.
    private static func pause(after error: APIManagerError, _ attempt: Int) -> Duration? {
        switch error {
        // Not before the time it named, and not all at once.
        case .unavailable(let retryAfter?, _, _): return retryAfter + .milliseconds(Int.random(in: 0...250))
        case .unavailable, .malformed: return .milliseconds(100 << min(attempt - 1, 5)) * Double.random(in: 0.5...1.5)
        case .timeout, .accessDenied, .rejected, .notFound: return nil
        }
    }

    private static func outcome(_ failure: Failure) -> UpstreamOutcome {
        if let outcome = failure.outcome { return outcome }
        return switch failure.error {
        case .unavailable: .unavailable
        case .timeout: .timeout
        case .accessDenied: .accessDenied
        case .rejected: .rejected
        case .notFound: .notFound
        case .malformed: .malformed
        }
    }
}
