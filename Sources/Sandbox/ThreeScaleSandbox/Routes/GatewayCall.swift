import HTTP
import HTTPServer
import SandboxSupport

/// One call of a gateway at 3scale's backend: `authorize`, `authrep` and reports of usage.
struct GatewayCall {
    /// The header that chooses the process which answers; else the seed does.
    static let processHeader: FieldName = "x-sandbox-process"

    let request: Request
    let now: Int
    let milliseconds: Int
    var tenant: Tenant
    private let fields: FormFields

    init(request: Request, now: Int, milliseconds: Int, tenant: consuming Tenant) {
        self.request = request
        self.now = now
        self.milliseconds = milliseconds
        self.tenant = tenant
        let body = String(decoding: request.body, as: UTF8.self)
        fields = FormFields(decoding: [request.query ?? "", body].filter { !$0.isEmpty }.joined(separator: "&"))
    }

    static func isGateway(_ request: Request) -> Bool {
        request.path.hasPrefix("/transactions/") || request.path == "/transactions.xml"
    }

    mutating func respond() -> Response {
        tenant.runJobs(at: milliseconds)
        guard let service = fields["service_id"].flatMap(Int.init), let token = fields["service_token"],
            tenant.serviceToken(service) == token
        else {
            return error(
                "service_token_invalid",
                "service token \"\(fields["service_token"] ?? "")\" or service id \"\(fields["service_id"] ?? "")\" is invalid",
                .forbidden)
        }
        switch (request.method, request.path) {
        case (.get, "/transactions/authorize.xml"): return authorize(service, reports: false)
        case (.get, "/transactions/authrep.xml"): return authorize(service, reports: true)
        case (.post, "/transactions.xml"): return report(service)
        default: return Response(status: .notFound)
        }
    }

    private mutating func authorize(_ service: Int, reports: Bool) -> Response {
        let userKey = fields["user_key"]
        let decision = tenant.decide(
            GatewayQuestion(
                service: service, credential: userKey ?? fields["app_id"] ?? "", isUserKey: userKey != nil,
                appKey: fields["app_key"], usage: reports ? usage("") : [], responseCode: fields["log[code]"],
                process: tenant.gatewayProcess(request.head.value(of: Self.processHeader))),
            now: now, milliseconds: milliseconds)
        switch decision {
        case .known(let application, let refusal, let states):
            return status(application, refusal: refusal?.reason, states)
        case .userKeyInvalid:
            let key = XMLForms.escape(userKey ?? "")
            return error("user_key_invalid", "user key \"\(key)\" is invalid", .forbidden)
        case .applicationNotFound(let id):
            return error(
                "application_not_found", "application with id=\"\(XMLForms.escape(id))\" was not found", .notFound)
        }
    }

    /// Usage is counted without a look at limits; what names no application is left out.
    private mutating func report(_ service: Int) -> Response {
        for index in 0..<1_000 {
            let prefix = "transactions[\(index)]"
            guard let userKey = fields["\(prefix)[user_key]"] ?? fields["\(prefix)[app_id]"] else { break }
            let isUserKey = fields["\(prefix)[user_key]"] != nil
            let verdict = tenant.authorized(
                by: userKey, isUserKey: isUserKey, service: service, process: GatewayBackend.changing, now: now,
                milliseconds: milliseconds)
            if case .found(let application) = verdict {
                tenant.count(
                    usage(prefix), application: application.id, responseCode: fields["\(prefix)[log][code]"], at: now)
            }
        }
        return Response(status: HTTPStatus(code: 202))
    }

    /// `usage[metric]=n`, of the call or of one of its transactions.
    private func usage(_ prefix: String) -> [(name: String, count: Int)] {
        let start = prefix.isEmpty ? "usage[" : "\(prefix)[usage]["
        return fields.pairs.compactMap { pair in
            guard pair.name.hasPrefix(start), pair.name.hasSuffix("]"), let count = Int(pair.value),
                (0...1_000_000_000).contains(count)
            else { return nil }
            return (String(pair.name.dropFirst(start.count).dropLast()), count)
        }
    }

    // MARK: Answers

    private static let contentType = "application/vnd.3scale-v2.0+xml"

    private func error(_ code: String, _ text: String, _ status: HTTPStatus) -> Response {
        .text(
            XMLForms.document("<error code=\"\(code)\">\(text)</error>"), status: status, contentType: Self.contentType)
    }

    private func status(
        _ application: GatewayApplication, refusal: String?, _ states: [GatewayDecision.LimitState]
    ) -> Response {
        let reason = refusal.map { "<reason>\(XMLForms.escape($0))</reason>" } ?? ""
        let reports = states.map { state in
            let bounds =
                state.limit.period == "eternity"
                ? ""
                : "<period_start>\(Self.stamp(state.range.lowerBound))</period_start>"
                    + "<period_end>\(Self.stamp(state.range.upperBound))</period_end>"
            return "<usage_report metric=\"\(state.limit.name)\" period=\"\(state.limit.period)\""
                + "\(state.isExceeded ? " exceeded=\"true\"" : "")>\(bounds)<max_value>\(state.limit.value)</max_value>"
                + "<current_value>\(state.current)</current_value></usage_report>"
        }
        let body =
            "<status><authorized>\(refusal == nil)</authorized>\(reason)<plan>\(XMLForms.escape(application.plan))</plan>"
            + (reports.isEmpty ? "" : "<usage_reports>\(reports.joined())</usage_reports>") + "</status>"
        return .text(
            XMLForms.document(body), status: refusal == nil ? .ok : HTTPStatus(code: 409),
            contentType: Self.contentType)
    }

    /// `2026-03-02 09:15:00 +0000`.
    private static func stamp(_ seconds: Int) -> String { "\(Stamp.spaced(seconds).dropLast(3))+0000" }
}
