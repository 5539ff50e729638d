/// Whether our clock and another system's agree. Tokens carry times, so those that disagree are refused.
package struct ClockCheck: Check {
    /// Beyond it one of the two clocks is wrong, even where it does no harm yet.
    private static let noticeable = 5
    /// `Date` has whole seconds, and the answer took a while.
    private static let uncertainty = 2

    private let system: String
    private let offset: Int?
    private let toleranceSeconds: Int

    /// - Parameters:
    ///   - offset: seconds by which the other clock is ahead; nil when it did not say.
    ///   - tolerance: how far clocks may be apart before tokens are refused.
    package init(system: String, offset: Int?, tolerance: Duration) {
        self.system = system
        self.offset = offset
        toleranceSeconds = Int(tolerance.components.seconds)
    }

    package var findings: [Finding] {
        guard let offset else { return [] }
        let distance = abs(offset)
        let words = "\(system)'s clock is \(distance) s \(offset > 0 ? "ahead of" : "behind") ours"
        if distance > toleranceSeconds + Self.uncertainty {
            return [
                Finding(
                    "clock", .error, "\(words), more than the \(toleranceSeconds) s that tokens are allowed",
                    advice: "Set both hosts' clocks by NTP")
            ]
        }
        if distance > Self.noticeable {
            return [Finding("clock", .warning, words, advice: "Set both hosts' clocks by NTP")]
        }
        return [Finding("clock", .ok, "\(system)'s clock agrees with ours")]
    }
}
