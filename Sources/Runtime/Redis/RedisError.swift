package import EventLoop

/// Why a command has no usable reply. Nothing of it holds a secret.
package enum RedisError: Error, Sendable, Equatable, CustomStringConvertible {
    /// There is no connection, or it is resting after it was slow.
    case notReady
    /// No reply in time; the command may have been carried out.
    case timeout
    /// The connection ended while the command was under way.
    case disconnected(String)
    /// The address could not be reached.
    case unreachable(UVError)
    /// The peer did not greet us as Redis does: its own words, or ours.
    case refusedGreeting(String)
    /// The bytes are not Redis'.
    case malformed(String)
    /// Redis answered with an error.
    case server(String)

    /// From a closed set, fit for a metric's label.
    package enum Kind: String, Sendable, CaseIterable {
        case notReady = "not_ready"
        case timeout, disconnected, unreachable, greeting, malformed, server
    }

    package var kind: Kind {
        switch self {
        case .notReady: .notReady
        case .timeout: .timeout
        case .disconnected: .disconnected
        case .unreachable: .unreachable
        case .refusedGreeting: .greeting
        case .malformed: .malformed
        case .server: .server
        }
    }

    package var description: String {
        switch self {
        case .notReady: "no usable connection"
        case .timeout: "no reply in time"
        case .disconnected(let reason): "the connection ended: \(reason)"
        case .unreachable(let error): "cannot be reached: \(error)"
        case .refusedGreeting(let reason): "the greeting failed: \(reason)"
        case .malformed(let reason): "this is not Redis: \(reason)"
        case .server(let text): text
        }
    }

    /// Whether another server may stand behind the same name by now, so that connecting anew can help: a replica that was
    /// the primary, one that loads its data, one that has lost its cluster or wants another password.
    var wantsReconnect: Bool {
        guard case .server(let text) = self else { return false }
        return ["READONLY", "LOADING", "MASTERDOWN", "NOAUTH"].contains { text.hasPrefix($0) }
    }
}
