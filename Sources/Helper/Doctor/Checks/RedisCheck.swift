/// Whether the state that replicas share can be read and written.
package struct RedisCheck: Check {
    package enum Outcome: Sendable, Equatable {
        case works
        /// In words that hold no secret.
        case unreachable(String)
        /// It answers, and refuses what we need to do.
        case refuses(String)
    }

    private let address: String
    private let outcome: Outcome

    /// - Parameter address: host and port.
    package init(address: String, outcome: Outcome) {
        self.address = address
        self.outcome = outcome
    }

    /// A warning at most: the helper serves without Redis, only less exactly.
    package var findings: [Finding] {
        switch outcome {
        case .works: [Finding("redis", .ok, "Redis at \(address) can be read and written")]
        case .unreachable(let reason):
            [
                Finding(
                    "redis", .warning, "Redis at \(address) cannot be used: \(reason)",
                    advice:
                        "Check REDIS_URL, network policies, password and TLS; until then each replica counts for itself"
                )
            ]
        case .refuses(let reason):
            [
                Finding(
                    "redis", .warning, "Redis at \(address) refuses to be written: \(reason)",
                    advice: "Use a primary that is not full, and a user who may use keys and channels 'mlaas:*' "
                        + "with the commands that docs/shared-state.md lists")
            ]
        }
    }
}
