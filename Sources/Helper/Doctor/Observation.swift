import HTTP
package import HTTPClient
package import JSON

/// What came back when a system was asked, or why nothing did.
package struct Observation: Sendable {
    package enum Outcome: Sendable {
        case answered(status: Int, body: JSONValue?, isEmpty: Bool)
        case failed(HTTPClientError)
    }

    package let outcome: Outcome
    /// Seconds by which the answer's `Date` is ahead of our clock; nil without one. It has whole seconds only.
    package let clockOffset: Int?
    /// The server's own certificate as PEM; nil over plain http.
    package let certificate: [UInt8]?
    /// Whether the answer says that it is a page for people: neither Keycloak's nor 3scale's API answers one.
    package let isHTML: Bool

    package init(_ outcome: Outcome, clockOffset: Int? = nil, certificate: [UInt8]? = nil, isHTML: Bool = false) {
        self.outcome = outcome
        self.isHTML = isHTML
        self.clockOffset = clockOffset
        self.certificate = certificate
    }

    /// The document of an answer 200; nil for anything else.
    package var document: JSONValue? {
        if case .answered(200, let body, _) = outcome { body } else { nil }
    }

    package var status: Int? {
        if case .answered(let status, _, _) = outcome { status } else { nil }
    }
}

/// Asks systems over HTTP.
package struct Observer: Sendable {
    private static let bytesMax = 32 * 1024 * 1024

    private let client: HTTPClient
    private let timeout: Duration
    private let now: @Sendable () -> Int

    /// - Parameters:
    ///   - timeout: for each request.
    ///   - now: seconds since 1970-01-01T00:00:00Z.
    package init(client: HTTPClient, timeout: Duration, now: @escaping @Sendable () -> Int) {
        self.client = client
        self.timeout = timeout
        self.now = now
    }

    func get(_ url: String, credentials: BasicCredentials? = nil) async -> Observation {
        await send(HTTPClientRequest(url: url, basicCredentials: credentials, timeout: timeout))
    }

    func post(_ url: String, form: String, credentials: BasicCredentials) async -> Observation {
        await send(
            HTTPClientRequest(
                method: .post, url: url, fields: HTTPFields([("content-type", "application/x-www-form-urlencoded")]),
                body: Array(form.utf8), basicCredentials: credentials, timeout: timeout))
    }

    private func send(_ request: HTTPClientRequest) async -> Observation {
        var request = request
        request.fields.append("accept", "application/json")
        request.maxResponseBytes = Self.bytesMax
        request.wantsCertificate = true
        do throws(HTTPClientError) {
            let response = try await client.execute(request)
            let offset = response.fields["date"].flatMap(HTTPDate.seconds).map { $0 - now() }
            return Observation(
                .answered(
                    status: response.status.code, body: try? JSONValue(parsing: response.body),
                    isEmpty: response.body.isEmpty),
                clockOffset: offset, certificate: response.certificate,
                isHTML: !response.body.isEmpty
                    && response.fields["content-type"]?.lowercased().hasPrefix("text/html") == true)
        } catch {
            return Observation(.failed(error))
        }
    }
}
