import HTTP
package import HelperCore
import JSON

/// The usage of applications, by the Analytics API: it needs the scope `stats`.
extension ThreeScaleAPIManager: UsageReader {
    /// `GET services/{id}/metrics`, which lists methods too.
    package func metrics(service: Int) async throws(APIManagerError) -> [KeyUsage.Metric] {
        let answer = try await transport.get("services/\(service)/metrics", operation: .listMetrics)
        guard let entries = answer["metrics"]?.array else { throw ThreeScaleEntities.malformed("no 'metrics'") }
        let entities = entries.compactMap { $0["metric"] ?? $0["method"] }
        var names: [Int: String] = [:]
        for entity in entities {
            if let id = entity["id"]?.int(in: 0 ... .max) { names[id] = entity["system_name"]?.string }
        }
        return entities.compactMap { entity in
            guard let name = entity["system_name"]?.string else { return nil }
            return KeyUsage.Metric(
                systemName: name, name: entity["friendly_name"]?.string ?? name, unit: entity["unit"]?.string,
                parent: entity["parent_id"]?.int(in: 0 ... .max).flatMap { names[$0] })
        }
    }

    /// `GET /stats/applications/{id}/usage`, always in UTC: the tenant's own zone would count other days.
    package func usage(
        application: Int, metric: String, in period: UsagePeriod
    ) async throws(APIManagerError) -> [Int] {
        let answer = try await transport.get(
            "/stats/applications/\(application)/usage",
            [
                ("metric_name", metric), ("granularity", period.granularity.rawValue), ("timezone", "UTC"),
                ("since", Self.stamp(period.since)), ("until", Self.stamp(period.end - 1)),
            ], operation: .getUsage)
        guard let values = answer["values"]?.array,
            let since = answer["period"]?["since"]?.string.flatMap(HTTPDate.timestampSeconds)
        else { throw ThreeScaleEntities.malformed("no usage") }
        guard since == period.since, values.count >= period.starts.count else {
            throw ThreeScaleEntities.malformed("usage of another time")
        }
        return values.prefix(period.starts.count).map { $0.int(in: 0 ... .max) ?? 0 }
    }

    /// `2026-03-02 09:15:00`.
    private static func stamp(_ seconds: Int) -> String {
        HTTPDate.timestamp(seconds).replacing("T", with: " ").replacing("Z", with: "")
    }
}
