import Bytes
import Crypto

/// Tells a pause that the helper wrote for the owner from one that a person wrote into the description.
///
/// In 3scale the owner's pause and the operator's suspension are the same state, and people may edit the descriptions of their
/// applications in the developer portal. So the member `paused` holds the time and a code over application and time, which only
/// the helper can make. It counts while the application has not changed later than `window` seconds after that time, and the helper
/// resumes no key sooner after its last change. So a member that is put back after the operator has suspended the application is
/// worth nothing. Times are by 3scale's clock.
package struct PauseSeal: Sendable {
    /// How long the suspension may follow the description, in seconds.
    package static let window = 3
    private static let codeBytes = 8

    private let secret: @Sendable () -> [UInt8]

    /// - Parameter secret: the same in every replica. When it changes, keys that are paused count as suspended by the operator.
    package init(secret: @escaping @Sendable () -> [UInt8]) { self.secret = secret }

    /// The value of `paused`.
    /// - Parameter time: seconds since 1970.
    package func text(application: Int, at time: Int) -> String { "\(time).\(code(application, time))" }

    /// Whether the owner's pause is what suspended an application.
    package func vouches(for application: Application) -> Bool {
        guard let text = application.mark?.pause, let updatedAt = application.updatedAt else { return false }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let time = ForeignNumber(parts[0])?.within(ApplicationMark.times),
            abs(updatedAt - time) <= Self.window
        else { return false }
        return constantTimeEqual(Array(parts[1].utf8), Array(code(application.id, time).utf8))
    }

    private func code(_ application: Int, _ time: Int) -> String {
        let message = Array("mlaas pause \(application) \(time)".utf8)
        return Hex.encode(HMACCode.sha256(key: secret(), message: message).prefix(Self.codeBytes))
    }
}
