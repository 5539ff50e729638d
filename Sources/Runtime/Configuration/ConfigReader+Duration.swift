import Bytes

extension ConfigReader {
    /// Seconds by default; fractions allowed.
    package static func duration(_ text: String) -> Duration? {
        let units: [(suffix: String, milliseconds: Double)] = [
            ("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000),
        ]
        var number = text
        var scale = 1_000.0
        if let unit = units.first(where: { text.hasSuffix($0.suffix) }) {
            number = String(text.dropLast(unit.suffix.count))
            scale = unit.milliseconds
        }
        guard let value = Double(number), value.isFinite, value >= 0, value * scale < 1e15 else { return nil }
        return ForeignNumber(rounding: value * scale).map { .milliseconds($0.clamped(to: 0 ... .max)) }
    }

    /// The shortest way to write a duration.
    package static func text(_ duration: Duration) -> String {
        let milliseconds = duration.milliseconds
        let seconds = milliseconds / 1_000
        if milliseconds % 1_000 != 0 { return "\(milliseconds)ms" }
        if seconds >= 3_600, seconds % 3_600 == 0 { return "\(seconds / 3_600)h" }
        if seconds >= 60, seconds % 60 == 0 { return "\(seconds / 60)m" }
        return "\(seconds)s"
    }
}
