import HTTP
import HTTPServer
import JSON
import SandboxSupport

/// One call of a model's client at the gateway in front of it, which behaves as APIcast does: it reads the credentials where
/// the service wants them, matches mapping rules, asks the backend, and answers the service's own texts.
struct ModelCall {
    let request: Request
    let now: Int
    let milliseconds: Int
    var tenant: Tenant
    /// The client that a bearer token was issued to; nil where the token is not accepted.
    let clientOfToken: @Sendable (String) -> String?
    private let query: FormFields
    private let form: FormFields

    init(
        request: Request, now: Int, milliseconds: Int, tenant: consuming Tenant,
        clientOfToken: @escaping @Sendable (String) -> String?
    ) {
        self.request = request
        self.now = now
        self.milliseconds = milliseconds
        self.tenant = tenant
        self.clientOfToken = clientOfToken
        query = FormFields(decoding: request.query ?? "")
        let isForm =
            request.head.value(of: .contentType)?.lowercased().contains("application/x-www-form-urlencoded") == true
        form = isForm ? FormFields(decoding: String(decoding: request.body, as: UTF8.self)) : FormFields()
    }

    mutating func respond() -> Response {
        tenant.runJobs(at: milliseconds)
        // APIcast prints nothing where it knows no such host.
        guard let (service, path) = serviceAndPath() else { return Response(status: .notFound) }
        guard let credentials = credentials(for: service) else { return Self.refusal(service.texts.authMissing) }
        var question: GatewayQuestion
        let process = tenant.gatewayProcess(request.head.value(of: GatewayCall.processHeader))
        switch service.backendVersion {
        case "1":
            question = GatewayQuestion(
                service: service.id, credential: credentials[0], isUserKey: true, process: process)
        case "2":
            question = GatewayQuestion(
                service: service.id, credential: credentials[0], isUserKey: false, appKey: credentials[1],
                process: process)
        default:
            guard let client = clientOfToken(credentials[0]) else { return Self.refusal(service.texts.authFailed) }
            question = GatewayQuestion(
                service: service.id, credential: client, isUserKey: false, asksForKey: false, process: process)
        }
        question.usage = usage(of: service, path)
        guard !question.usage.isEmpty else { return Self.refusal(service.texts.noMatch) }
        let answer = ModelServer(service: service).answer(request.method, path)
        question.responseCode = String(answer.status.code)
        return decide(question, credentials, service, answer)
    }

    /// Lets a call through that was let through before, and asks the backend afterwards; asks it first about any other.
    private mutating func decide(
        _ question: GatewayQuestion, _ credentials: [String], _ service: ServiceRecord, _ answer: Response
    ) -> Response {
        let pass = GatewayBackend.Pass(
            service: service.id, credentials: credentials, usage: question.usage.map { "\($0.name)=\($0.count)" })
        let wasLetThrough = tenant.knobs.gatewayCaches && tenant.gateway.passes.contains(pass)
        let decision = tenant.decide(question, now: now, milliseconds: milliseconds)
        if decision.isAllowed { tenant.gateway.passes.insert(pass) } else { tenant.gateway.passes.remove(pass) }
        if decision.isAllowed || wasLetThrough { return answer }
        // A metric that the plan disables is no limit that passes with time.
        guard case .known(_, .limitsExceeded?, let states) = decision,
            let state = states.first(where: \.isExceeded), state.limit.value > 0
        else { return Self.refusal(service.texts.authFailed) }
        var refusal = Self.refusal(service.texts.limitsExceeded)
        if state.limit.period != "eternity" {
            refusal.fields["retry-after"] = String(max(0, state.range.upperBound - now))
        }
        return refusal
    }

    private static func refusal(_ text: GatewayText) -> Response {
        .text(text.text, status: HTTPStatus(code: text.status), contentType: text.type)
    }

    // MARK: The service

    /// The service whose public or staging address has the host that was called, and the path below that address. Of several
    /// with one host, the one with the longest path that fits is chosen, and of those the lowest id.
    private func serviceAndPath() -> (ServiceRecord, String)? {
        guard let host = request.head.authority.map(Self.host) else { return nil }
        var best: (service: ServiceRecord, base: String)?
        for service in tenant.services.values.sorted(by: { $0.id < $1.id }) {
            let addresses =
                (service.production.isEmpty ? [] : [service.endpoint])
                + (service.staging.isEmpty ? [] : [service.stagingEndpoint])
            for (addressHost, base) in addresses.compactMap(Self.parts) where addressHost == host {
                guard request.path == base || request.path.hasPrefix("\(base)/") else { continue }
                if best.map({ $0.base.utf8.count < base.utf8.count }) ?? true { best = (service, base) }
            }
        }
        return best.map { ($0.service, String(request.path.dropFirst($0.base.count))) }
    }

    /// The host and the path of an address, the path without a slash at its end.
    private static func parts(_ address: String) -> (host: String, path: String)? {
        let parts = address.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count > 2, parts[1].isEmpty, !parts[2].isEmpty else { return nil }
        let path = parts.count > 3 ? parts[3].split(separator: "/").map { "/\($0)" }.joined() : ""
        return (host(String(parts[2])), path)
    }

    /// In lower case and without the port.
    private static func host(_ authority: String) -> String {
        let end = authority.hasPrefix("[") ? authority.firstIndex(of: "]") : authority.firstIndex(of: ":")
        return authority[..<(end ?? authority.endIndex)].lowercased()
    }

    // MARK: Credentials

    /// One value in mode 1 and of a token, two in mode 2; nil where one is missing.
    private func credentials(for service: ServiceRecord) -> [String]? {
        let names: [String]
        switch service.backendVersion {
        case "1": names = [service.authUserKey]
        case "2": names = [service.authAppID, service.authAppKey]
        // RFC 6750 obliges every server to take a bearer token, wherever else it looks.
        default: return (values(["access_token"], service)[0] ?? authorization.token).map { [$0] }
        }
        let found = values(names, service).compactMap(\.self)
        return found.count == names.count ? found : nil
    }

    private func values(_ names: [String], _ service: ServiceRecord) -> [String?] {
        switch service.credentialsLocation {
        case "headers": return names.map(header)
        case "authorization":
            let given = authorization
            if names.count == 2 { return [given.user ?? given.token, given.password] }
            return [service.backendVersion == "1" ? given.user ?? given.password ?? given.token : given.token]
        default: return names.map { query[$0] ?? form[$0] }
        }
    }

    /// nginx takes `-` and `_` in names of fields for one.
    private func header(_ name: String) -> String? {
        let wanted = Self.normalized(name.utf8)
        let slot = request.head.fields.first { Self.normalized(request.head.bytes[$0.name]) == wanted }
        return slot.map { String(decoding: request.head.bytes[$0.value], as: UTF8.self) }
    }

    private static func normalized(_ name: some Sequence<UInt8>) -> [UInt8] {
        String(decoding: Array(name), as: UTF8.self).lowercased().utf8.map { $0 == 0x2D ? 0x5F : $0 }
    }

    private var authorization: (user: String?, password: String?, token: String?) {
        let parts = (request.head.value(of: .authorization) ?? "").split(separator: " ", maxSplits: 1).map(String.init)
        guard parts.count == 2 else { return (nil, nil, nil) }
        switch parts[0].lowercased() {
        case "bearer": return (nil, nil, parts[1])
        case "basic":
            let halves = (Base64Text.decode(parts[1]) ?? "").split(
                separator: ":", maxSplits: 1, omittingEmptySubsequences: false
            ).map { $0.isEmpty ? nil : String($0) }
            return (halves.first ?? nil, halves.count > 1 ? halves[1] : nil, nil)
        default: return (nil, nil, nil)
        }
    }

    // MARK: Mapping rules

    /// What the rules that match count, together.
    private func usage(of service: ServiceRecord, _ path: String) -> [(name: String, count: Int)] {
        var usage: [(name: String, count: Int)] = []
        for rule in service.rules
        where rule.method == request.method.rawValue && Self.matches(path.isEmpty ? "/" : path, rule.pattern) {
            if let index = usage.firstIndex(where: { $0.name == rule.metric }) {
                usage[index].count += rule.delta
            } else {
                usage.append((rule.metric, rule.delta))
            }
        }
        return usage
    }

    /// A pattern matches the beginning of a path, or all of it where it ends in `$`; `{name}` stands for one segment.
    static func matches(_ path: String, _ pattern: String) -> Bool {
        var path = Substring(path)
        var pattern = Substring(pattern)
        let isWhole = pattern.last == "$"
        if isWhole { pattern.removeLast() }
        while let next = pattern.first {
            if next == "{", let end = pattern.firstIndex(of: "}") {
                let segment = path.prefix { $0 != "/" }
                if segment.isEmpty { return false }
                path = path.dropFirst(segment.count)
                pattern = pattern[pattern.index(after: end)...]
            } else {
                guard path.popFirst() == next else { return false }
                pattern.removeFirst()
            }
        }
        return !isWhole || path.isEmpty
    }
}
