import JSON

/// The data of `GET /api/keys/{id}/usage`.
package struct WireUsage: Sendable, Equatable {
    package struct Metric: Sendable, Equatable {
        package let name: String
        package let total: Int
        /// One for each step.
        package let values: [Int]
        /// Such as `60/minute`.
        package let limits: [String]
    }

    private static let counts = 0...9_007_199_254_740_991

    /// The beginning of each step.
    package let starts: [String]
    package let metrics: [Metric]

    package init(_ data: WireObject) throws(WireProblem) {
        starts = try data.texts("starts")
        var metrics: [Metric] = []
        for value in try data.list("metrics") {
            let metric = try WireObject(value, "metrics")
            var values: [Int] = []
            for value in try metric.list("values") {
                guard let count = value.int(in: Self.counts) else { throw WireProblem("'values' holds no count") }
                values.append(count)
            }
            guard values.count == starts.count else { throw WireProblem("'values' and 'starts' differ in length") }
            var limits: [String] = []
            for value in try metric.list("limits") {
                let limit = try WireObject(value, "limits")
                limits.append("\(try limit.number("value"))/\(try limit.text("period"))")
            }
            metrics.append(
                Metric(
                    name: try metric.text("metric"), total: try metric.number("total"), values: values, limits: limits))
        }
        self.metrics = metrics
    }
}
