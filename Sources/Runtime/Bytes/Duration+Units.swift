// 64 bits hold 292 years of nanoseconds, and 292 million of milliseconds; a longer duration counts as those.
extension Duration {
    /// Whole nanoseconds, rounded towards zero.
    package var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (whole, overflows) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, exceeds) = whole.addingReportingOverflow(attoseconds / 1_000_000_000)
        return overflows || exceeds ? (seconds < 0 ? .min : .max) : sum
    }

    /// Whole milliseconds, rounded towards zero.
    package var milliseconds: Int {
        let (seconds, attoseconds) = components
        let (whole, overflows) = seconds.multipliedReportingOverflow(by: 1_000)
        let (sum, exceeds) = whole.addingReportingOverflow(attoseconds / 1_000_000_000_000_000)
        return Int(overflows || exceeds ? (seconds < 0 ? .min : .max) : sum)
    }

    /// Whole milliseconds, rounded up, at least 0.
    package var millisecondsUp: UInt64 {
        let nanoseconds = UInt64(clamping: nanoseconds)
        return nanoseconds / 1_000_000 + (nanoseconds % 1_000_000 == 0 ? 0 : 1)
    }

    /// Seconds with their fraction.
    package var inSeconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds) * 1e-18
    }
}
