/// Where spans go and who they say they are from.
package struct OTLPConfiguration: Sendable {
    /// The collector's base URL, such as `http://localhost:4318`; `/v1/traces` is added.
    package var endpoint: String
    /// Sent with every request; values may be secrets.
    package var headers: [(name: String, value: String)]
    /// `service.name`.
    package var serviceName: String
    /// `service.version`.
    package var serviceVersion: String
    /// `service.instance.id`: tells replicas apart.
    package var instanceID: String
    /// Spans in one request.
    package var batchMax = 512
    /// How long spans wait for company.
    package var delay = Duration.seconds(1)
    /// Between two requests, at least: bounds what exporting costs.
    package var pause = Duration.milliseconds(500)
    /// For one request.
    package var timeout = Duration.seconds(10)
    /// Attempts for one batch, at least 1; then it is dropped.
    package var attemptsMax = 5

    package init(
        endpoint: String, headers: [(name: String, value: String)] = [], serviceName: String, serviceVersion: String,
        instanceID: String
    ) {
        self.endpoint = endpoint
        self.headers = headers
        self.serviceName = serviceName
        self.serviceVersion = serviceVersion
        self.instanceID = instanceID
    }
}
