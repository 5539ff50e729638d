import Bytes
import Crypto

/// Tells a suspension that the helper wrote, for the owner's pause or for the end of a key, from the operator's.
///
/// In 3scale all are the same state, and people may edit the descriptions of their applications in the developer portal. So the members
/// `paused` and `ended` hold the time at which the helper wrote them and a code over purpose, application and time, which only the
/// helper can make. A seal counts while the application has not changed later than a window after that time. After the window a
/// member that is put back is worth nothing, so that the helper resumes no key before the window of its seal is over. Times are by
/// 3scale's clock.
package struct PauseSeal: Sendable {
    /// What the helper suspends an application for.
    package enum Purpose: String, Sendable, CaseIterable {
        case pause, end

        /// How long the suspension may follow the description, in seconds. An end has more, so that a suspension counts which 3scale
        /// carries out late, after the process that sent it has died.
        package var window: Int {
            switch self {
            case .pause: 3
            case .end: 20
            }
        }
    }

    /// By how much the time of a seal may be ahead of the write, in seconds.
    private static let tolerance = 3
    /// The value of a member whose seal is given up, so that its window is still waited for.
    static let void = "void"
    private static let codeBytes = 8

    private let secret: @Sendable () -> [UInt8]

    /// - Parameter secret: the same in every replica. When it changes, keys that are paused or ended count as suspended by the operator.
    package init(secret: @escaping @Sendable () -> [UInt8]) { self.secret = secret }

    /// The value of the member.
    /// - Parameter time: seconds since 1970.
    package func text(application: Int, at time: Int, for purpose: Purpose = .pause) -> String {
        "\(time).\(code(application, time, purpose))"
    }

    /// A mark with the seal of one purpose, and none of the other.
    func sealed(_ mark: ApplicationMark, application: Int, at time: Int, for purpose: Purpose) -> ApplicationMark {
        let sealed = mark.sealed(text(application: application, at: time, for: purpose), for: purpose)
        return switch purpose {
        case .pause: mark.seal(for: .end) == nil ? sealed : sealed.sealed(Self.void, for: .end)
        case .end: sealed.sealed(nil, for: .pause)
        }
    }

    /// How long after its last change a paused key may be resumed, in seconds: then none of its seals counts any more.
    static func resumptionDelay(_ mark: ApplicationMark) -> Int {
        (mark.seal(for: .end) == nil ? Purpose.pause : .end).window + 1
    }

    /// Whether the helper suspended an application, or was about to, for that purpose.
    package func vouches(for application: Application, _ purpose: Purpose = .pause) -> Bool {
        guard let text = application.mark?.seal(for: purpose), let updatedAt = application.updatedAt else {
            return false
        }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let time = ForeignNumber(parts[0])?.within(ApplicationMark.times),
            (-Self.tolerance...purpose.window).contains(updatedAt - time)
        else { return false }
        return constantTimeEqual(Array(parts[1].utf8), Array(code(application.id, time, purpose).utf8))
    }

    private func code(_ application: Int, _ time: Int, _ purpose: Purpose) -> String {
        let message = Array("mlaas \(purpose.rawValue) \(application) \(time)".utf8)
        return Hex.encode(HMACCode.sha256(key: secret(), message: message).prefix(Self.codeBytes))
    }
}
