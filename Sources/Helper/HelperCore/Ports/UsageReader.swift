/// What reading the usage of API keys needs of the system that manages the APIs.
package protocol UsageReader: APIManager {
    /// The metrics of a service, methods included, ascending by id.
    func metrics(service: Int) async throws(APIManagerError) -> [KeyUsage.Metric]

    /// How often an application used a metric, for each step of a period.
    /// - Throws: `accessDenied` where the helper's token may not read statistics, `notFound` when the application is gone.
    func usage(
        application: Int, metric: String, in period: UsagePeriod
    ) async throws(APIManagerError) -> [Int]
}
