package import HelperCore
import Synchronization

/// The circuit breakers of all calls to Keycloak: one for each issuer, host and purpose. An issuer that is down holds up no
/// other, and questions about tokens that fail do not keep signing keys from being fetched.
package final class KeycloakBreakers: Sendable {
    struct Key: Hashable, Sendable {
        let issuer: String
        /// Host and port.
        let host: String
        let isIntrospection: Bool
    }

    /// A breaker, and the failure that operators should be told while it is open.
    final class Entry: Sendable {
        let breaker: CircuitBreaker
        private let cause = Mutex("")

        init(_ settings: BreakerState.Settings) { breaker = CircuitBreaker(settings) }

        var lastCause: String { cause.withLock { $0 } }

        func failed(_ text: String) {
            cause.withLock { $0 = text }
            breaker.failed()
        }
    }

    /// Hosts come from settings and discovery documents, which may name another one each time.
    private static let entriesMax = 64

    private let settings: BreakerState.Settings
    private let entries = Mutex<[Key: Entry]>([:])

    package init(_ settings: BreakerState.Settings = .init()) { self.settings = settings }

    /// Whether any is open.
    package var isOpen: Bool { entries.withLock { $0.values.contains { $0.breaker.isOpen } } }

    func entry(_ key: Key) -> Entry {
        entries.withLock { entries in
            if let entry = entries[key] { return entry }
            if entries.count >= Self.entriesMax { entries.removeAll() }
            let entry = Entry(settings)
            entries[key] = entry
            return entry
        }
    }
}

/// A URL fit for logs, and its host.
struct LoggedURL: CustomStringConvertible {
    /// Host and port.
    let host: String
    /// Without user, password, query and fragment, cut to 512 bytes.
    let description: String

    init(_ url: String) {
        let scheme = url.firstRange(of: "://").map { url[..<$0.upperBound] } ?? ""
        let rest = url[scheme.endIndex...].prefix { $0 != "?" && $0 != "#" }
        let authority = rest.prefix { $0 != "/" }
        let host = authority.lastIndex(of: "@").map { authority[authority.index(after: $0)...] } ?? authority
        self.host = String(host)
        let text = "\(scheme)\(host)\(rest[authority.endIndex...])"
        description = String(decoding: text.utf8.prefix(512), as: UTF8.self)
    }
}
