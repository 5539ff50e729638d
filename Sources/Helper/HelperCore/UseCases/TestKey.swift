import Bytes
package import Telemetry

/// Asks a service's gateway with one of the caller's API keys and says what the answer means.
package struct TestKey: Sendable {
    package struct Result: Sendable {
        package let item: FindKeys.Item
        package let verdict: KeyVerdict
        /// What was asked, without credentials; nil where nothing was sent.
        package let url: String?
        /// Of the last request; nil where nothing was sent.
        package let latency: Duration?

        /// `latency` as answers and pages have it.
        package var latencyMilliseconds: Int? { latency.map { max(0, $0.milliseconds) } }
    }

    /// For all requests of a test together.
    static let timeMax = Duration.seconds(10)
    /// How long a key that is new is asked again.
    static let patience = Duration.seconds(5)
    private static let pause = Duration.milliseconds(500)

    /// What tests have found out of services.
    package let models = KnownModels()
    private let find: FindKeys
    private let keys: OwnedKeys
    private let gateway: any ModelGateway
    private let audit: AuditTrail
    private let gatewayDelay: Int
    private let counters: [KeyVerdict.Word: Counter]
    private let sleep: @Sendable (Duration) async -> Void

    /// - Parameter gatewayDelay: within how many seconds every gateway knows of a change.
    package init(
        find: FindKeys, keys: OwnedKeys, gateway: any ModelGateway, audit: AuditTrail, gatewayDelay: Int,
        factory: any MetricsFactory, sleep: @escaping @Sendable (Duration) async -> Void
    ) {
        self.find = find
        self.keys = keys
        self.gateway = gateway
        self.audit = audit
        self.gatewayDelay = gatewayDelay
        self.sleep = sleep
        counters = Dictionary(
            uniqueKeysWithValues: KeyVerdict.Word.allCases.map { word in
                (
                    word,
                    Counter(
                        label: "mlaas_key_tests_total", dimensions: [("verdict", word.rawValue)], factory: factory)
                )
            })
    }

    /// - Throws: `KeyError`, `takesTokens` for a key that no request can carry; `CredentialMissing` while 3scale shows no credential.
    package func callAsFunction(_ id: Int, for caller: Caller) async throws -> Result {
        try await audit.waitForRoom()
        let item = try await find.one(id, for: caller)
        guard item.service.authentication != .oidc else {
            throw KeyError.takesTokens(service: item.service.id)
        }
        let secret = try await find.asCaller(caller) { try await keys.issuedKey(of: item.key.application) }
        guard let text = secret.key else {
            throw CredentialMissing(application: id)
        }
        let result = try await result(of: item, text, publicID: secret.publicID)
        counters[result.verdict.word]?.increment()
        models.note(result.verdict.models, of: item.service.id)
        audit.note(
            .tested, "key tested", caller: caller, service: item.service, application: id, key: text,
            verdict: result.verdict.word)
        return result
    }

    private func result(of item: FindKeys.Item, _ key: String, publicID: String?) async throws -> Result {
        let path = TestPath(readingFrom: item.service.description)
        guard let request = GatewayRequest(to: item.service, path: path, with: key, publicID: publicID) else {
            return Result(item: item, verdict: .noAddress, url: nil, latency: nil)
        }
        let facts = KeyVerdict.Key(
            state: item.key.state, isFresh: item.key.application.unchangedFor.map { $0 < gatewayDelay } ?? false,
            gatewayDelay: gatewayDelay)
        let began = ContinuousClock.now
        let end = began + Deadline.remaining(atMost: Self.timeMax)
        while true {
            let sentAt = ContinuousClock.now
            let verdict = try await verdict(request, facts, item.service, within: sentAt.duration(to: end))
            let now = ContinuousClock.now
            guard verdict.word == .notYet, facts.isExpectedToWork, began.duration(to: now) < Self.patience,
                now + Self.pause < end
            else {
                return Result(item: item, verdict: verdict, url: request.url, latency: sentAt.duration(to: now))
            }
            await sleep(Self.pause)
        }
    }

    private func verdict(
        _ request: GatewayRequest, _ key: KeyVerdict.Key, _ service: Service, within limit: Duration
    ) async throws -> KeyVerdict {
        do throws(GatewayFailure) {
            let answer = try await gateway.ask(request, within: limit)
            return KeyVerdict(answer, to: key, texts: service.gatewayTexts)
        } catch {
            guard let verdict = KeyVerdict(error) else {
                throw KeyError.tooManyTests
            }
            return verdict
        }
    }
}
