import HelperCore
import JSON

/// Whether our token may read statistics, without which no caller sees the usage of a key.
package struct StatisticsCheck: Check {
    private static let name = "3scale.statistics"

    private let usage: Observation

    /// - Parameter usage: of `GET /stats/services/{id}/usage`.
    package init(usage: Observation) { self.usage = usage }

    package var findings: [Finding] {
        guard let status = usage.status else { return [] }
        if usage.document?["values"]?.array != nil {
            return [Finding(Self.name, .ok, "the admin token may read usage")]
        }
        guard status == 403 else {
            return [
                Finding(
                    Self.name, .warning, "3scale does not answer usage (\(status))",
                    advice: DependencyAdvice.threeScale(status: status, isPage: usage.isHTML))
            ]
        }
        return [
            Finding(
                Self.name, .warning, "the admin token may not read usage, so that GET /api/keys/{id}/usage is refused",
                advice: DependencyAdvice.threeScaleStatistics)
        ]
    }
}
