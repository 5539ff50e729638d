/// When the request under way must have been answered. Every wait below reads it, so that retries, queues and calls
/// share one budget.
package enum Deadline {
    @TaskLocal package static var current: ContinuousClock.Instant?

    /// The time left of the budget, at most `limit`; zero or less when it is used up.
    package static func remaining(atMost limit: Duration) -> Duration {
        guard let current else { return limit }
        return min(limit, ContinuousClock.now.duration(to: current))
    }
}
