import Bytes
import HTTP
package import HTTPServer
package import HelperCore
import JSON

/// The catalogue, and keys for what is in it.
package struct ServiceRoutes: Sendable {
    let listServices: ListServices
    let findService: FindService
    private let provisionKey: ProvisionKey
    /// Only the call that makes a key answers its secret.
    private let showsOnce: Bool

    private let encoder = CatalogEncoder()
    private let recent = RecentLists()

    package init(
        listServices: ListServices, findService: FindService, provisionKey: ProvisionKey, showsOnce: Bool = false
    ) {
        self.showsOnce = showsOnce
        self.listServices = listServices
        self.findService = findService
        self.provisionKey = provisionKey
    }

    /// `GET /api/services`.
    package func list(_ context: CallerContext) async throws -> Response {
        list(try await listServices(for: context.caller), context.caller)
    }

    package func cachedList(_ context: CallerContext) throws -> Response? {
        try listServices.cached(for: context.caller).map { list($0, context.caller) }
    }

    /// The one answer that is asked for all the time.
    private func list(_ result: ListServices.Result, _ caller: Caller) -> Response {
        if let body = recent.body(of: result, for: caller) { return Self.stale(.json(body), result.staleAge) }
        let body = body(of: result, for: caller)
        recent.insert(body, of: result, for: caller)
        return Self.stale(.json(body), result.staleAge)
    }

    /// Put together from bytes that are there already.
    private func body(of result: ListServices.Result, for caller: Caller) -> [UInt8] {
        let encoding = encoder.encoding(of: result.catalog)
        var body: [UInt8] = []
        body.reserveCapacity(encoding.estimate(keys: result.keys.count) + 512)
        body.append(contentsOf: Self.listStart)
        encoding.append(result, to: &body)
        body.append(contentsOf: Self.listEnd)
        if let id = result.accountID {
            body.append(contentsOf: Self.account)
            JSONWriter.append(string: String(id), to: &body)
            body.append(UInt8(ascii: ","))
        }
        body.append(contentsOf: Self.user)
        JSONWriter.append(string: caller.username, to: &body)
        if let email = caller.email {
            body.append(contentsOf: Self.email)
            JSONWriter.append(string: email, to: &body)
        }
        body.append(contentsOf: Self.end)
        return body
    }

    private static let listStart = Array(
        #"{"status":"success","message":"Services retrieved","data":{"services":["#.utf8)
    private static let listEnd = Array("],".utf8)
    private static let account = Array(#""account_id":"#.utf8)
    private static let user = Array(#""user":{"soeid":"#.utf8)
    private static let email = Array(#","email":"#.utf8)
    private static let end = Array("}}}".utf8)

    /// `GET /api/services/{id}`.
    package func detail(_ context: CallerContext) async throws -> Response {
        let service = try findService(Self.serviceID(context.parameters[0]), for: context.caller)
        return Self.detail(service, try await listServices(for: context.caller))
    }

    package func cachedDetail(_ context: CallerContext) throws -> Response? {
        let service = try findService(Self.serviceID(context.parameters[0]), for: context.caller)
        return try listServices.cached(for: context.caller).map { Self.detail(service, $0) }
    }

    private static func detail(_ service: Service, _ result: ListServices.Result) -> Response {
        let item = ListServices.Item(service: service, key: result.keys[service.id])
        let response = Envelope.success("Service retrieved") { writer in
            writer.name("service")
            ServiceEncoding.write(item, withPlans: true, to: &writer)
        }
        return stale(response, result.staleAge)
    }

    /// `GET /api/services/{id}/plans`.
    package func plans(_ context: CallerContext) async throws -> Response {
        let plans = try await findService.plans(of: Self.serviceID(context.parameters[0]), for: context.caller)
        return Envelope.success("Plans retrieved") { writer in
            writer.name("plans")
            writer.beginArray()
            for offered in plans { ServiceEncoding.write(offered.plan, limits: offered.limits, to: &writer) }
            writer.endArray()
        }
    }

    /// `POST /api/services/init`.
    package func initialise(_ context: CallerContext) async throws -> Response {
        let body = try InitBody(context.request)
        let request = ProvisionKey.Request(serviceID: try Self.serviceID(body.serviceID), planID: try body.planNumber())
        let result = try await provisionKey(request, for: context.caller)
        let key = showsOnce && !result.isNew ? result.key.withoutSecret : result.key
        var response = Envelope.success(Self.message(key.state)) { writer in
            writer.name("service")
            ServiceEncoding.writeSummary(result.service, to: &writer)
            if result.service.authentication != .apiKey {
                ServiceEncoding.writeCredentials(result.service, key, to: &writer)
            }
            writer.name("is_new")
            writer.bool(result.isNew)
            ServiceEncoding.writeKey(key, to: &writer)
            writeAccount(result.accountID, to: &writer)
        }
        if let end = result.endsSoonAt { response.fields["x-mlaas-key-expires"] = HTTPDate.timestamp(end) }
        return Self.stale(response, result.staleAge)
    }

    private static func message(_ state: Application.State) -> String {
        switch state {
        case .live: "API key initialized"
        case .pending: "API key awaiting approval"
        case .suspended: "API key is suspended"
        }
    }

    /// Ids are texts to clients; one that is not one of 3scale's numbers names nothing.
    static func serviceID(_ text: String) throws(CatalogError) -> Int {
        guard let id = ForeignNumber.canonical(text) else { throw .noSuchService(wasDeleted: false) }
        return id
    }

    /// Says how old an answer is that could not be refreshed (RFC 9111 §5.1).
    private static func stale(_ response: consuming Response, _ age: Duration?) -> Response {
        guard let age else { return response }
        response.fields["age"] = String(age.components.seconds)
        response.fields["x-mlaas-stale"] = "true"
        return response
    }
}

private func writeAccount(_ id: Int?, to writer: inout JSONWriter) {
    guard let id else { return }
    writer.name("account_id")
    writer.string(String(id))
}
