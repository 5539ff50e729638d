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

    private mutating func chosenProcess() -> Int {
        let count = max(1, tenant.knobs.gatewayProcesses)
        if let text = request.head.value(of: Self.processHeader), let wanted = Int(text), (0..<count).contains(wanted) {
            return wanted
        }
        return tenant.random.upTo(count - 1)
    }

    private mutating func find(_ service: Int, _ process: Int) -> GatewayBackend.Verdict {
        let userKey = fields["user_key"]
        return tenant.authorized(
            by: userKey ?? fields["app_id"] ?? "", isUserKey: userKey != nil, service: service, process: process,
            now: now, milliseconds: milliseconds)
    }

    private mutating func authorize(_ service: Int, reports: Bool) -> Response {
        let process = chosenProcess()
        let application: GatewayApplication
        switch find(service, process) {
        case .found(let found): application = found
        case .userKeyInvalid:
            let key = XMLForms.escape(fields["user_key"] ?? "")
            return error("user_key_invalid", "user key \"\(key)\" is invalid", .forbidden)
        case .notFound(let id):
            return error(
                "application_not_found", "application with id=\"\(XMLForms.escape(id))\" was not found", .notFound)
        }
        guard application.isLive else { return status(application, refusal: "application is not active") }
        if fields["user_key"] == nil {
            let appKey = fields["app_key"]
            guard tenant.takes(appKey: appKey, of: application, service: service, process: process, now: now) else {
                let reason = appKey.map { "application key \"\($0)\" is invalid" } ?? "application key is missing"
                return status(application, refusal: reason)
            }
        }
        let usage = reports ? self.usage("") : []
        let states = limitStates(application, service, adding: usage)
        let isOver = states.contains { $0.isExceeded }
        if !isOver { count(usage, application.id, code: fields["log[code]"]) }
        return status(application, refusal: isOver ? "usage limits are exceeded" : nil, states)
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
                count(usage(prefix), application.id, code: fields["\(prefix)[log][code]"])
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

    private mutating func count(_ usage: [(name: String, count: Int)], _ application: Int, code: String?) {
        for (name, count) in usage {
            _ = tenant.use(application: application, metric: name, count: count, responseCode: code, at: now)
        }
    }

    // MARK: Limits

    private struct LimitState {
        let limit: GatewayApplication.Limit
        let range: Range<Int>
        let current: Int
        let isExceeded: Bool
    }

    private func limitStates(
        _ application: GatewayApplication, _ service: Int, adding usage: [(name: String, count: Int)]
    ) -> [LimitState] {
        application.limits.map { limit in
            let range = UsagePeriod.current(limit.period, now: now)
            let current = tenant.traffic.total(.metric(limit.metric), applications: [application.id], in: range)
            let asked = usage.filter { $0.name == limit.name }.reduce(0) { $0 + $1.count }
            return LimitState(limit: limit, range: range, current: current, isExceeded: current + asked > limit.value)
        }
    }

    // MARK: Answers

    private static let contentType = "application/vnd.3scale-v2.0+xml"

    private func error(_ code: String, _ text: String, _ status: HTTPStatus) -> Response {
        .text(
            XMLForms.document("<error code=\"\(code)\">\(text)</error>"), status: status, contentType: Self.contentType)
    }

    private func status(
        _ application: GatewayApplication, refusal: String?, _ states: [LimitState] = []
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
