import EventLoop
import HTTP
import HTTPServer
import JSON
import SandboxSupport

/// One call of the API: who asks, in which format, for what.
struct Call {
    let request: Request
    let now: Int
    /// For the uniqueness race only: a clock that is not moved.
    let milliseconds = Int(EventLoop.nanoseconds() / 1_000_000)
    var tenant: Tenant
    /// What a read-only token's refused writes are taken back to; nil for a token that may write.
    private var original: Tenant?
    private(set) var reply = Reply(format: .xml)
    private(set) var parameters: Parameters?
    private(set) var token: AccessTokenRecord?
    /// What this call has made and will be visible later.
    var uncommitted: Uncommitted?

    /// - Parameter tenant: should be the only reference to it, or every write copies its tables.
    init(request: Request, now: Int, tenant: consuming Tenant) {
        self.request = request
        self.now = now
        self.tenant = tenant
    }

    var json: JSONForms {
        JSONForms(tenant: tenant, origin: "https://\(request.head.value(of: .host) ?? "localhost")", now: now)
    }
    var xml: XMLForms { XMLForms(tenant: tenant) }
    var method: HTTPMethod { request.method == .head ? .get : request.method == .patch ? .put : request.method }

    func text(_ name: String) -> String? { parameters?[name] }
    func int(_ name: String) -> Int? { parameters?.int(name) }

    /// From here on, parameters may also stand in that wrapper. Accounts, users, applications and keys have none.
    mutating func unwrap(_ wrapper: String) { parameters?.wrapper = wrapper }

    // MARK: From bytes to a route

    mutating func respond() -> Response {
        let response = answer()
        // A HEAD has neither a body nor a length.
        return request.method == .head && response.status.code == 200 ? Response(status: .noContent) : response
    }

    private mutating func answer() -> Response {
        tenant.runJobs(at: milliseconds)
        if request.head.value(of: "x-forwarded-proto") == "http" { return redirectToTLS }
        var segments = request.path.split(separator: "/").map { PercentEncoding.decode($0.utf8) ?? String($0) }
        let isStats = segments.first == "stats"
        guard isStats || (segments.count > 2 && segments[0] == "admin" && segments[1] == "api") else {
            return unknownRoute
        }
        if let refusal = takeFormat(from: &segments, isStats: isStats) { return refusal }
        do throws(Parameters.Unreadable) {
            parameters = try Parameters(request)
        } catch {
            return Reply.json(["status": 400, "error": "Bad Request"], status: .badRequest)
        }
        if let refusal = refuseHost() { return refusal }
        if let refusal = authenticate(scope: isStats ? "stats" : "account_management") { return refusal }
        do throws(Refusal) {
            if parameters?.hasNUL == true { throw .failed }
            let path = isStats ? segments : Array(segments.dropFirst(2))
            return conditional(try isStats ? stats(Array(path.dropFirst())) : route(path))
        } catch {
            return reply.refusal(error)
        }
    }

    /// Answers a call that a front end says came without TLS; writes keep their method.
    private var redirectToTLS: Response {
        let query = request.query.map { "?\($0)" } ?? ""
        return Response(
            status: HTTPStatus(code: method == .get ? 301 : 308),
            fields: HTTPFields([
                ("content-type", "text/html"), ("location", "\(json.origin)\(request.path)\(query)"),
            ]))
    }

    /// A token is looked for among those of the tenant whose host was called; a host of no tenant has none.
    private func refuseHost() -> Response? {
        guard let host = tenant.adminHost, request.head.value(of: .host) != host else { return nil }
        let token = parameters?.has("access_token") == true ? parameters?["access_token"] : basicCredential
        guard let token, tenant.tokens[token] != nil else { return reply.error("Access denied", .forbidden) }
        return Reply.json(["status": "Not found"], status: .notFound)
    }

    /// The extension alone decides the format; without one it is XML, but for `/stats`, which then follow `Accept`.
    private mutating func takeFormat(from segments: inout [String], isStats: Bool) -> Response? {
        guard let last = segments.last, let dot = last.lastIndex(of: ".") else {
            if isStats, request.head.value(of: "accept") == "application/json" { reply = Reply(format: .json) }
            return nil
        }
        let name = String(last[last.index(after: dot)...])
        switch name {
        case "json": reply = Reply(format: .json)
        case "xml": reply = Reply(format: .xml)
        case "csv" where isStats: reply = Reply(format: .csv)
        default:
            return .text(
                "The server does not understand \"\(name)\" request.", status: .notAcceptable, contentType: "text/plain"
            )
        }
        segments[segments.count - 1] = String(last[..<dot])
        return nil
    }

    // MARK: Who asks

    /// There is no 401 in this API.
    private mutating func authenticate(scope: String) -> Response? {
        if tenant.knobs.isSuspended { return Response(status: .forbidden) }
        let denied =
            scope == "stats"
            ? Reply.json(["status": "Forbidden"], status: .forbidden) : reply.error("Access denied", .forbidden)
        if request.head.value(of: .authorization)?.lowercased().hasPrefix("bearer ") == true {
            return Reply.json(["status": 500, "error": "Internal Server Error"], status: .internalServerError)
        }
        let basic = basicCredential
        let given = parameters?.has("access_token") == true ? parameters?["access_token"] : basic
        if let record = given.flatMap({ tenant.tokens[$0] }), record.expiresAt.map({ $0 > now }) ?? true {
            guard record.scopes.contains(scope) else {
                return reply.error("Your access token does not have the correct permissions", .forbidden)
            }
            token = record
            if record.isReadOnly { original = tenant }
            return nil
        }
        let provider = parameters?["provider_key"] ?? basic
        return provider == tenant.providerKey ? nil : denied
    }

    /// The first half that is not empty.
    private var basicCredential: String? {
        guard let header = request.head.value(of: .authorization), header.lowercased().hasPrefix("basic "),
            let decoded = Base64Text.decode(String(header.dropFirst(6)))
        else { return nil }
        return decoded.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init).first {
            !$0.isEmpty
        }
    }

    /// A read-only token is refused at the first write, after look-ups and validation: what has been changed by then is
    /// taken back, as its database transaction would be.
    mutating func write() throws(Refusal) {
        guard let original else { return }
        tenant = original
        throw .readOnly
    }

    /// Refuses what only an admin of the tenant may do; a provider key has no owner and may.
    func adminsOnly() throws(Refusal) { if token?.isMember == true { throw .notPermitted } }

    /// The same for what a resource's wrapper takes from the body: without anything there, the call is refused.
    mutating func unwrapBody(_ wrapper: String) throws(Refusal) {
        guard parameters?.hasBody(for: wrapper) == true else { throw .missing(wrapper) }
        unwrap(wrapper)
    }

    /// Whether the token's owner sees a service.
    func sees(_ service: Int) -> Bool { token?.services.map { $0.contains(service) } ?? true }

    // MARK: Conditional requests

    /// A weak validator of what is answered; a match is a 304.
    private func conditional(_ response: Response) -> Response {
        guard method == .get, response.status.code == 200, !response.body.isEmpty else { return response }
        if let modified = response.fields["last-modified"], request.head.value(of: "if-modified-since") == modified {
            return Response(status: .notModified, fields: HTTPFields([("last-modified", modified)]))
        }
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in response.body { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        let tag = "W/\"\(String(hash, radix: 16))\""
        let given = request.head.value(of: "if-none-match")
        if given == tag || (given != nil && tenant.knobs.hasFalseNotModified) {
            return Response(status: .notModified, fields: HTTPFields([("etag", tag)]))
        }
        var response = response
        response.fields["etag"] = tag
        return response
    }

    /// The `Location` of a create: the new id, then the query of the request, credentials included.
    func location(_ path: String, _ id: Int) -> String {
        let query = request.query?.split(separator: "&").map { "&\($0)" }.sorted().joined() ?? ""
        return "\(json.origin)/admin/api/\(path)?id=\(id)\(query)"
    }

    /// A create's answer with its `Location`.
    func created(_ response: Response, _ path: String, _ id: Int) -> Response {
        var response = response
        response.fields["location"] = location(path, id)
        return response
    }

    // MARK: Lists

    /// A list's answer with the time of its last change, unless it is empty.
    func dated(_ response: Response, _ times: [Int]) -> Response {
        guard let last = times.max() else { return response }
        var response = response
        response.fields["last-modified"] = HTTPDate.format(last)
        return response
    }

    /// The page that was asked for.
    /// - Throws: `notFound` for a page number beyond 64 bits.
    func page<Row>(_ all: [Row]) throws(Refusal) -> Page<Row> {
        if let text = text("page"), !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            let size = int("per_page").flatMap { (1...500).contains($0) ? $0 : nil } ?? 500
            guard let number = int("page"), !number.multipliedReportingOverflow(by: size).overflow else {
                throw .notFound
            }
        }
        return Page(all, number: int("page"), size: int("per_page"), shortenedTo: tenant.knobs.shortPage)
    }

    func list(_ all: [JSONValue], _ plural: String, _ singular: String) -> JSONValue {
        .object(JSONObject([(plural, .array(all.map { .object(JSONObject([(singular, $0)])) }))]))
    }

    func one(_ singular: String, _ value: JSONValue) -> JSONValue { .object(JSONObject([(singular, value)])) }

    /// What a DELETE answers.
    var deleted: Response { reply.deleted }

    var unknownRoute: Response { Reply.page(.notFound, "Not Found", of: request.path) }
}

extension Refusal {
    /// A write by a token that may only read.
    static let readOnly = Refusal.denied("Your access token does not have the correct permissions")
}

/// Standard base64 to text, for Basic credentials.
enum Base64Text {
    static func decode(_ text: String) -> String? {
        var bits: UInt32 = 0
        var count = 0
        var bytes: [UInt8] = []
        for byte in text.utf8 where byte != 0x3D {
            let value: UInt32
            switch byte {
            case 0x41...0x5A: value = UInt32(byte) - 0x41
            case 0x61...0x7A: value = UInt32(byte) - 0x61 + 26
            case 0x30...0x39: value = UInt32(byte) - 0x30 + 52
            case 0x2B: value = 62
            case 0x2F: value = 63
            default: return nil
            }
            bits = bits << 6 | value
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
