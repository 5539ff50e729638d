import HTTP
package import HTTPClient
package import HelperCore
import JSON
package import Telemetry
import Upstream

/// Every call that the helper makes to Keycloak.
package enum KeycloakOperation: String, UpstreamOperation {
    case discovery
    case keys
    case introspection
    /// A code for tokens, when a person signs in.
    case code

    /// Whether it is about one token or code, whose failure says nothing of others.
    var isOfOneToken: Bool { self == .introspection || self == .code }

    package static let system = UpstreamSystem.keycloak
}

/// Fetches over HTTP. Redirects are not followed, answers are bounded in size and time, and a circuit breaker for each
/// issuer and host opens after failures in a row.
package struct HTTPKeySource: KeySource, IntrospectionSource, CodeSource {
    private static let timeout = Duration.seconds(5)

    private let client: TracedClient<KeycloakOperation>
    private let credentials: (@Sendable () -> BasicCredentials)?
    private let metrics: UpstreamMetrics<KeycloakOperation>
    private let breakers: KeycloakBreakers

    /// - Parameter credentials: our client id and secret, for introspection; asked for each time, since a secret may be
    ///   replaced meanwhile.
    package init(
        client: HTTPClient, credentials: (@Sendable () -> BasicCredentials)? = nil,
        metrics: UpstreamMetrics<KeycloakOperation>,
        tracer: Tracer,
        breakers: KeycloakBreakers
    ) {
        self.client = TracedClient(client, tracer: tracer)
        self.credentials = credentials
        self.metrics = metrics
        self.breakers = breakers
    }

    package func fetch(_ url: String, for issuer: String) async throws(KeySourceError) -> [UInt8] {
        try await answer(
            HTTPClientRequest(url: url, timeout: Self.timeout, maxResponseBytes: KeySet.bytesMax),
            url.hasSuffix("/openid-configuration") ? .discovery : .keys, issuer)
    }

    package func introspect(
        _ token: ArraySlice<UInt8>, at url: String, for issuer: String
    ) async throws(KeySourceError) -> [UInt8] {
        // The token's alphabet needs no encoding in a form.
        try await answer(
            asClient(Self.bodyStart + token, at: url, maxResponseBytes: Introspector.answerBytesMax), .introspection,
            issuer)
    }

    package func exchange(_ form: String, at url: String, for issuer: String) async throws(KeySourceError) -> [UInt8] {
        try await answer(
            asClient(Array(form.utf8), at: url, maxResponseBytes: KeycloakSignIn.tokensBytesMax), .code, issuer)
    }

    /// A form that is sent by us as a client.
    private func asClient(_ form: [UInt8], at url: String, maxResponseBytes: Int) -> HTTPClientRequest {
        // Form-encoded first (RFC 6749 §2.3.1): a colon or a percent sign in a secret would be misread.
        let credentials = credentials.map { $0() }.map {
            BasicCredentials(user: PercentEncoding.encode($0.user), password: PercentEncoding.encode($0.password))
        }
        let fields = HTTPFields([("content-type", "application/x-www-form-urlencoded"), ("accept", "application/json")])
        return HTTPClientRequest(
            method: .post, url: url, fields: fields, body: form, basicCredentials: credentials, timeout: Self.timeout,
            maxResponseBytes: maxResponseBytes)
    }

    private func answer(
        _ request: HTTPClientRequest, _ operation: KeycloakOperation, _ issuer: String
    ) async throws(KeySourceError) -> [UInt8] {
        let url = LoggedURL(request.url)
        let call = "\(operation) \(url)"
        let asksAboutToken = operation.isOfOneToken
        let entry = breakers.entry(.init(issuer: issuer, host: url.host, isIntrospection: asksAboutToken))
        if case .refused = entry.breaker.admit() {
            throw KeySourceError(
                "\(call): circuit breaker open; last failure: \(entry.log.lastCause ?? "unknown")",
                hint: entry.log.lastHint)
        }
        let began = ContinuousClock.now
        let response: HTTPClientResponse
        do throws(HTTPClientError) {
            response = try await client.execute(request, operation)
        } catch {
            let cause = "\(call): \(error)"
            let hint = error.advice(setting: "KEYCLOAK_URL")
            if case .responseTooLarge = error, asksAboutToken {
                // The issuer answered: this token's claims are too many.
                succeeded(entry, operation, url)
                metrics.record(operation, .malformed, since: began)
                throw KeySourceError("\(cause) (more than \(request.maxResponseBytes) bytes)", kind: .request)
            }
            if error.isPeersFault || error == .responseTooLarge {
                let owner = error.mayBeOfOneRequest ? CallOwner.current : .background
                entry.log.failed(
                    operation, at: url.description, cause: error.description, hint: hint,
                    openedBreaker: entry.breaker.failed(for: owner))
            }
            metrics.record(operation, UpstreamOutcome(error), since: began)
            throw KeySourceError(
                cause, kind: operation == .introspection && error.mayBeOfOneRequest ? .request : .issuer, hint: hint)
        }
        let status = response.status.code
        let isOfUse = status != 200 || Self.isOfUse(response.body, operation)
        metrics.record(operation, isOfUse ? Self.outcome(status) : .malformed, since: began)
        guard status == 200 else {
            judge(status, entry, operation, url)
            throw KeySourceError(
                "\(call): HTTP \(status)", kind: Self.failure(of: operation, status),
                hint: DependencyAdvice.keycloak(status: status, isIntrospection: asksAboutToken))
        }
        succeeded(entry, operation, url)
        return response.body
    }

    /// Counts an answer other than 200 for or against the issuer, and logs it. A refusal is an answer; a 429 speaks neither
    /// for Keycloak nor against it.
    private func judge(_ status: Int, _ entry: KeycloakBreakers.Entry, _ operation: KeycloakOperation, _ url: LoggedURL)
    {
        let cause = "Keycloak answered \(status)"
        let hint = DependencyAdvice.keycloak(status: status, isIntrospection: operation.isOfOneToken)
        if status < 500, status != 429 { succeeded(entry, operation, url) }
        switch status {
        case 500...:
            entry.log.failed(
                operation, at: url.description, status: status, cause: cause, hint: hint,
                openedBreaker: entry.breaker.failed(for: CallOwner.current))
        // What the discovery document would say is known otherwise, and a question about one token concerns that alone.
        case 404 where operation == .discovery, 400, 405..<429, 430..<500:
            entry.log.refused(operation, at: url.description, status: status, cause: cause)
        default: entry.log.failed(operation, at: url.description, status: status, cause: cause, hint: hint)
        }
    }

    private func succeeded(_ entry: KeycloakBreakers.Entry, _ operation: KeycloakOperation, _ url: LoggedURL) {
        entry.log.succeeded(operation, at: url.description, closedBreaker: entry.breaker.succeeded())
    }

    /// Whose failure a status is. A 5xx of the introspection endpoint may be this token's alone; of those in a row the circuit
    /// breaker takes care. A code is refused with 400 (RFC 6749 §5.2): all else is no fault of the person who signs in.
    private static func failure(of operation: KeycloakOperation, _ status: Int) -> KeySourceError.Kind {
        switch (operation, status) {
        case (.introspection, 401), (.introspection, 403), (.code, 401), (.code, 403): .credentials
        case (.introspection, 400), (.introspection, 413), (.introspection, 414), (.introspection, 422),
            (.introspection, 431), (.introspection, 500...599), (.code, 400):
            .request
        default: .issuer
        }
    }

    /// Whether a body has the form of an answer to the operation. What it says is judged elsewhere.
    private static func isOfUse(_ body: [UInt8], _ operation: KeycloakOperation) -> Bool {
        switch operation {
        case .keys: KeySet(body) != nil
        case .introspection: (try? JSONValue(parsing: body, limits: Introspector.limits))?["active"]?.bool != nil
        case .discovery, .code: (try? JSONValue(parsing: body))?.object != nil
        }
    }

    private static func outcome(_ status: Int) -> UpstreamOutcome {
        switch status {
        case 200: .ok
        case 401, 403: .accessDenied
        case 404: .notFound
        case 429: .rateLimited
        case 500...599: .unavailable
        default: .rejected
        }
    }

    private static let bodyStart = Array("token_type_hint=access_token&token=".utf8)
}
