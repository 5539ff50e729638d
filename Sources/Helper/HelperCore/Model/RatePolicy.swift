/// How often something may be done: one or more limits, each over a sliding window of time. All of them must have room.
package struct RatePolicy: Sendable, Equatable {
    /// The closed set of policies; the raw value is the name in configuration, metrics and header fields.
    package enum Name: String, Sendable, CaseIterable {
        case read, write, reveal, test, logout
        case authFailure = "auth_failure"
    }

    package struct Window: Sendable, Equatable {
        /// Requests in any period of `seconds`, at least 1.
        package let limit: Int
        /// At least 1.
        package let seconds: Int

        package init(limit: Int, seconds: Int) {
            self.limit = limit
            self.seconds = seconds
        }
    }

    package let name: Name
    /// At least one, by ascending period, no period twice.
    package let windows: [Window]

    /// - Parameter windows: at least one.
    package init(_ name: Name, _ windows: [Window]) {
        precondition(!windows.isEmpty, "Invalid state: a policy without limits")
        self.name = name
        self.windows = windows.sorted { $0.seconds < $1.seconds }
    }
}

/// What counting one request came to.
package struct RateVerdict: Sendable, Equatable {
    package let isAllowed: Bool
    /// The index of the window that binds most: of a refusal the full one that takes longest to have room, else the one
    /// with the fewest requests left.
    package let window: Int
    /// Requests that window has left after this one.
    package let remaining: Int
    /// Whole seconds, rounded up and at least 1, until it has more.
    package let resetSeconds: Int

    package init(isAllowed: Bool, window: Int, remaining: Int, resetSeconds: Int) {
        self.isAllowed = isAllowed
        self.window = window
        self.remaining = remaining
        self.resetSeconds = resetSeconds
    }

    /// - Parameter reset: nanoseconds until the window has more.
    package init(isAllowed: Bool, window: Int, remaining: Int, reset: UInt64) {
        self.init(
            isAllowed: isAllowed, window: window, remaining: remaining,
            resetSeconds: max(1, Int((reset + 999_999_999) / 1_000_000_000)))
    }
}
