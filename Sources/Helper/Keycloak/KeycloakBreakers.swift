import Bytes
package import HelperCore
import Synchronization
package import Telemetry

/// The circuit breakers of all calls to Keycloak: one for each issuer, host and purpose. An issuer that is down holds up no
/// other, and questions about tokens that fail do not keep signing keys from being fetched.
package final class KeycloakBreakers: Sendable {
    struct Key: Hashable, Sendable {
        let issuer: String
        /// Host and port.
        let host: String
        let isIntrospection: Bool
    }

    /// A breaker, and the log of the failures that open it.
    struct Entry: Sendable {
        let breaker: CircuitBreaker
        let log: DependencyLog
    }

    /// Hosts come from settings and discovery documents, which may name another one each time.
    private static let entriesMax = 64

    private let settings: BreakerState.Settings
    private let logger: Logger?
    private let entries = Mutex<[Key: Entry]>([:])

    /// - Parameter logger: nil logs nothing.
    package init(_ settings: BreakerState.Settings = .init(), logger: Logger? = nil) {
        self.settings = settings
        self.logger = logger
    }

    /// Whether any is open.
    package var isOpen: Bool { entries.withLock { $0.values.contains { $0.breaker.isOpen } } }

    /// Logs the summaries of failures whose minute is over.
    package func summariseFailures() {
        for entry in entries.withLock({ Array($0.values) }) { entry.log.summarise() }
    }

    func entry(_ key: Key) -> Entry {
        entries.withLock { entries in
            if let entry = entries[key] { return entry }
            if entries.count >= Self.entriesMax { entries.removeAll() }
            let entry = Entry(
                breaker: CircuitBreaker(settings),
                log: DependencyLog(system: .keycloak, address: key.host, logger: logger))
            entries[key] = entry
            return entry
        }
    }
}

/// A URL fit for logs, and its host. Another text than a URL is not shown.
struct LoggedURL: CustomStringConvertible {
    /// Host and port.
    let host: String
    /// Without user, password, query and fragment, cut to 512 bytes.
    let description: String

    init(_ url: String) {
        guard let parsed = WebURL(url) else {
            (host, description) = ("", "of a malformed URL")
            return
        }
        host = parsed.authority
        description = String(decoding: "\(parsed.base)\(parsed.path)".utf8.prefix(512), as: UTF8.self)
    }
}
