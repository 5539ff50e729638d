import Bytes
import HelperCore
import JSON
import Synchronization

/// Where people sign in and out and where codes are exchanged, as the realm's discovery document says: its URLs for browsers
/// may have another host than those for servers, which no setting of ours could derive.
final class SignInEndpoints: Sendable {
    struct Known: Sendable, Equatable {
        /// For browsers.
        let authorization: String
        let endSession: String?
        /// For us.
        let token: String
        /// Whether every answer by way of the browser names its issuer (RFC 9207 §3).
        let namesIssuer: Bool
    }

    private struct Held: Sendable {
        let known: Known
        let at: ContinuousClock.Instant
    }

    /// How long a document is believed; one that is older serves on while discovery fails.
    private static let lifetime = Duration.seconds(600)
    private static let limits = JSONLimits(maxDepth: 16, maxBytes: 1 << 20, maxValues: 10_000)

    private let realmURL: String
    private let source: any KeySource
    private let instant: @Sendable () -> ContinuousClock.Instant
    private let held = Mutex<Held?>(nil)

    init(
        realmURL: String, source: any KeySource, instant: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
    ) {
        self.realmURL = realmURL
        self.source = source
        self.instant = instant
    }

    func current() async throws(SignInError) -> Known {
        let before = held.withLock { $0 }
        if let before, before.at.duration(to: instant()) < Self.lifetime { return before.known }
        do throws(SignInError) {
            let known = try await discover()
            held.withLock { $0 = Held(known: known, at: instant()) }
            return known
        } catch {
            guard let before else { throw error }
            return before.known
        }
    }

    private func discover() async throws(SignInError) -> Known {
        let url = realmURL + "/.well-known/openid-configuration"
        let bytes: [UInt8]
        do throws(KeySourceError) {
            bytes = try await source.fetch(url, for: KeycloakSignIn.breakerKey(realmURL))
        } catch {
            throw .unavailable(error.description)
        }
        guard let document = try? JSONValue(parsing: bytes, limits: Self.limits),
            let authorization = accepted(document["authorization_endpoint"]),
            let token = accepted(document["token_endpoint"])
        else { throw .unavailable("discovery \(LoggedURL(url)): no usable authorization and token endpoints") }
        return Known(
            authorization: authorization, endSession: accepted(document["end_session_endpoint"]), token: token,
            namesIssuer: document["authorization_response_iss_parameter_supported"]?.bool == true)
    }

    /// An absolute URL that is no less protected than the one that told it, and that can stand in a `Location` field.
    private func accepted(_ value: JSONValue?) -> String? {
        guard let url = value?.string, url.utf8.count <= 2_048, !url.contains("#"), let named = WebURL(url) else {
            return nil
        }
        return named.isSecure || WebURL(realmURL)?.isSecure == false ? url : nil
    }
}
