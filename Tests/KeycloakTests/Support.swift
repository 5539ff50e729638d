import Crypto
import HelperCore
import JSON
import Keycloak
import Synchronization
import Telemetry

let issuer = "https://sso.example.com/realms/mlaas"
let now = 1_790_000_000

/// Answers key sets and introspections from memory and counts who asks for what.
final class MemoryKeySource: KeySource, IntrospectionSource {
    struct State: Sendable {
        var keys: [UInt8]?
        var discovery: JSONValue?
        var introspection: JSONValue?
        var introspectionError: KeySourceError?
        /// Tokens about which no answer comes.
        var held: Set<[UInt8]> = []
        /// Questions without an answer now, and the most there were at once.
        var asking = (now: 0, most: 0)
        var fetched: [String] = []
    }

    let state = Mutex(State())

    func fetch(_ url: String, for issuer: String) async throws(KeySourceError) -> [UInt8] {
        let answer: [UInt8]? = state.withLock { state in
            state.fetched.append(url)
            return url.hasSuffix("/openid-configuration") ? state.discovery?.encoded() : state.keys
        }
        guard let answer else { throw KeySourceError("no answer") }
        return answer
    }

    func introspect(
        _ token: ArraySlice<UInt8>, at url: String, for issuer: String
    ) async throws(KeySourceError) -> [UInt8] {
        let (answer, error) = state.withLock { state in
            state.fetched.append(url)
            state.asking.now += 1
            state.asking.most = max(state.asking.most, state.asking.now)
            return (state.introspection, state.introspectionError)
        }
        let token = Array(token)
        while state.withLock({ $0.held.contains(token) }) { try? await Task.sleep(for: .milliseconds(1)) }
        state.withLock { $0.asking.now -= 1 }
        if let error { throw error }
        guard let answer else { throw KeySourceError("no answer") }
        return answer.encoded()
    }

    func publish(_ keys: JSONValue...) {
        state.withLock { $0.keys = JSONValue.object(["keys": .array(keys)]).encoded() }
    }

    func fail() { state.withLock { $0.keys = nil } }

    var keyFetches: Int { fetches { $0.hasSuffix("/certs") } }

    func fetches(_ matches: (String) -> Bool) -> Int { state.withLock { $0.fetched.count(where: matches) } }
}

/// A realm's key and the tokens it makes.
struct Signer {
    let key: PrivateKey
    let id: String

    init(_ id: String = "k1") throws {
        key = try .rsa()
        self.id = id
    }

    var jwk: JSONValue {
        guard case .rsa(let modulus, let exponent) = key.parameters else { return nil }
        return [
            "kid": .string(id), "kty": "RSA", "alg": "RS256", "use": "sig", "n": .string(Base64URL.encode(modulus)),
            "e": .string(Base64URL.encode(exponent)),
        ]
    }

    static var claims: JSONObject {
        [
            "exp": .int(now + 300), "iat": .int(now), "iss": .string(issuer), "aud": ["mlaas-client", "account"],
            "sub": "c1f6", "typ": "Bearer", "azp": "portal", "preferred_username": "ada", "scope": "openid",
            "realm_access": ["roles": ["ml-users"]],
        ]
    }

    func token(
        _ change: (inout JSONObject) -> Void = { _ in }, header: (inout JSONObject) -> Void = { _ in }
    ) throws -> [UInt8] {
        var claims = Self.claims
        change(&claims)
        var head: JSONObject = ["alg": "RS256", "typ": "JWT", "kid": .string(id)]
        header(&head)
        return try raw(JSONValue.object(head).encoded(), JSONValue.object(claims).encoded())
    }

    func raw(_ header: [UInt8], _ payload: [UInt8]) throws -> [UInt8] {
        let signed = Base64URL.encode(header) + "." + Base64URL.encode(payload)
        let signature = try key.sign(Array(signed.utf8), algorithm: .rs256)
        return Array((signed + "." + Base64URL.encode(signature)).utf8)
    }
}

/// A verifier over a source in memory, with a clock to set and everything it says and counts.
struct Bench {
    let source: MemoryKeySource
    let verifier: KeycloakTokenVerifier
    let log = InMemoryLogSink()
    let registry = PrometheusRegistry()
    let clock = Clock()

    final class Clock: Sendable {
        private let seconds = Mutex(Double(now))

        private let start = ContinuousClock.now

        var value: Double { seconds.withLock { $0 } }
        var instant: ContinuousClock.Instant { start + .seconds(value - Double(now)) }
        func advance(by duration: Double) { seconds.withLock { $0 += duration } }
    }

    init(
        _ source: MemoryKeySource = MemoryKeySource(), introspects lifetime: Duration? = nil,
        callsMax: Int = 32, places: IssuerPlaces = IssuerPlaces(realmURL: issuer),
        change: (inout TokenPolicy) -> Void = { _ in },
        over other: (any KeySource)? = nil, spawn: @escaping Spawn = { work in Task { await work() } }
    ) {
        self.source = source
        var policy = TokenPolicy(
            issuers: [issuer], audiences: ["mlaas-client"], clientID: "mlaas-client", roles: ["ml-users"])
        change(&policy)
        let clock = clock
        verifier = KeycloakTokenVerifier(
            policy: policy, places: places, settings: KeySettings(),
            parts: .init(
                source: other ?? source,
                introspection: lifetime.map { .init(source: source, lifetime: $0, callsMax: callsMax) },
                spawn: spawn,
                logger: Logger(label: "test", handler: JSONLogHandler(sink: log, level: .trace, now: { 0 })),
                metrics: registry, now: { clock.value }, instant: { clock.instant }))
    }

    /// The verdict without asking, in a word.
    func check(_ token: [UInt8]) -> String { Self.word(verifier.verify(token[...])) }

    /// - Parameter client: the address that the token came from.
    func ask(_ token: [UInt8], from client: String = "192.0.2.1") async -> String {
        Self.word(await verifier.verifyByAsking(token[...], from: client))
    }

    func refusal(_ token: [UInt8]) -> TokenRefusal? {
        if case .refused(let refusal) = verifier.verify(token[...]) { refusal } else { nil }
    }

    func caller(_ token: [UInt8]) -> Caller? {
        if case .accepted(let caller) = verifier.verify(token[...]) { caller } else { nil }
    }

    static func word(_ verdict: TokenVerdict) -> String {
        switch verdict {
        case .accepted(let caller): "accepted \(caller.username)"
        case .refused(let refusal): refusal.check.rawValue
        case .undecided: "undecided"
        case .unavailable: "unavailable"
        case .unknownKeyUnavailable: "unknown key unavailable"
        }
    }

    /// A counter's value as the exposition has it.
    func counter(_ name: String, _ label: String) -> String? {
        let text = String(decoding: registry.exposition(), as: UTF8.self)
        return text.split(separator: "\n").first { $0.hasPrefix("\(name){\(label)}") }?.split(separator: " ").last
            .map(String.init)
    }
}

/// Hands on what another source answers, but holds a key set back that it has already read.
final class SlowKeySource: KeySource {
    private struct State: Sendable {
        var isHeld = false
        var hasBegun = false
    }

    private let source: MemoryKeySource
    private let state = Mutex(State())

    init(_ source: MemoryKeySource) { self.source = source }

    func hold() { state.withLock { $0 = State(isHeld: true) } }

    func release() { state.withLock { $0.isHeld = false } }

    func hasBegun() async { while !state.withLock({ $0.hasBegun }) { try? await Task.sleep(for: .milliseconds(1)) } }

    func fetch(_ url: String, for issuer: String) async throws(KeySourceError) -> [UInt8] {
        let answer = try await source.fetch(url, for: issuer)
        guard url.hasSuffix("/certs") else { return answer }
        state.withLock { $0.hasBegun = true }
        while state.withLock({ $0.isHeld }) { try? await Task.sleep(for: .milliseconds(1)) }
        return answer
    }
}

/// Starts work at once, or holds it until a test says so.
final class SpawnGate: Sendable {
    private struct State: Sendable {
        var isHolding = false
        var held: [@Sendable () async -> Void] = []
    }

    private let state = Mutex(State())

    func spawn(_ work: @escaping @Sendable () async -> Void) {
        let isHeld = state.withLock { state in
            if state.isHolding { state.held.append(work) }
            return state.isHolding
        }
        if !isHeld { Task { await work() } }
    }

    func hold() { state.withLock { $0.isHolding = true } }

    /// Starts later work at once, and leaves what is held.
    func open() { state.withLock { $0.isHolding = false } }

    func hasHeld() async {
        while state.withLock({ $0.held.isEmpty }) { try? await Task.sleep(for: .milliseconds(1)) }
    }

    func release() {
        let held = state.withLock { state in
            defer { state.held = [] }
            return state.held
        }
        for work in held { Task { await work() } }
    }
}
