import Synchronization

/// A value that must not be shown: every printed form is a placeholder.
package struct Secret: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private let value: String

    package init(_ value: String) { self.value = value }

    package var description: String { "<redacted>" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }

    /// The value, for the one place that sends it.
    package func reveal() -> String { value }

    /// Takes as long for a near miss as for a far one.
    package static func == (left: Secret, right: Secret) -> Bool {
        let (a, b) = (Array(left.value.utf8), Array(right.value.utf8))
        guard a.count == b.count else { return false }
        return zip(a, b).reduce(0 as UInt8) { $0 | ($1.0 ^ $1.1) } == 0
    }
}

/// A secret that may be replaced while the process runs: its users ask each time. From any thread.
package final class RotatingSecret: Sendable {
    private let held: Mutex<Secret>

    package init(_ secret: Secret) { held = Mutex(secret) }

    package var current: Secret { held.withLock { $0 } }

    /// - Returns: whether it is another one.
    @discardableResult
    package func replace(with secret: Secret) -> Bool {
        held.withLock { held in
            defer { held = secret }
            return held != secret
        }
    }
}
