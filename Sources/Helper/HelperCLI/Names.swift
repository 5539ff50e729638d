import Arguments
import HTTP
import JSON
import WireContract

/// Finds services, plans and keys by the names or ids that people write.
enum Names {
    private static let pagesMax = 40
    private static let keyNameLengthMax = 40

    // MARK: Services

    static func services(_ api: APIClient) async throws(CommandFailure) -> WireServiceList {
        try await api.get("/api/services") { data throws(WireProblem) in try WireServiceList(data) }
    }

    static func service(_ text: String, _ api: APIClient) async throws(CommandFailure) -> WireService {
        try service(text, among: try await services(api).services)
    }

    static func service(_ text: String, among services: [WireService]) throws(CommandFailure) -> WireService {
        let exact = services.filter { $0.id == text || $0.systemName == text }
        let found = exact.isEmpty ? services.filter { isSame(text, [$0.systemName, $0.name]) } : exact
        if let one = found.first, found.count == 1 { return one }
        if !found.isEmpty {
            throw CommandFailure(
                .failed, "Several services are called '\(text)'.",
                hints: ["Use one of: " + found.map(\.systemName).joined(separator: ", ")])
        }
        let near = NearMiss.best(for: text, among: services.flatMap { [$0.systemName, $0.name] })
        throw CommandFailure(
            .failed, "There is no service '\(text)' that you may use.",
            hints: near.map { ["Did you mean '\($0)'?"] } ?? ["List them: mlaas services"])
    }

    private static func isSame(_ text: String, _ names: [String]) -> Bool {
        names.contains { NearMiss.normal($0) == NearMiss.normal(text) }
    }

    // MARK: Plans

    static func plans(of service: WireService, _ api: APIClient) async throws(CommandFailure) -> [WirePlan] {
        try await api.get("/api/services/\(PercentEncoding.encode(service.id))/plans") { data throws(WireProblem) in
            var plans: [WirePlan] = []
            for value in try data.list("plans") { plans.append(try WirePlan(value)) }
            return plans
        }
    }

    static func plan(_ text: String, of service: WireService, _ api: APIClient) async throws(CommandFailure) -> WirePlan
    {
        let plans = try await plans(of: service, api)
        let exact = plans.filter { $0.id == text || $0.systemName == text }
        let found = exact.isEmpty ? plans.filter { isSame(text, [$0.name, $0.systemName ?? $0.name]) } : exact
        if let one = found.first, found.count == 1 { return one }
        if !found.isEmpty {
            throw CommandFailure(
                .failed, "Several plans of \(service.systemName) are called '\(text)'.",
                hints: ["Use one of the ids: " + found.map(\.id).joined(separator: ", ")])
        }
        let near = NearMiss.best(for: text, among: plans.flatMap { [$0.name, $0.systemName ?? $0.name] })
        throw CommandFailure(
            .failed, "\(service.systemName) has no plan '\(text)' that you may choose.",
            hints: near.map { ["Did you mean '\($0)'?"] } ?? ["List them: mlaas plans \(service.systemName)"])
    }

    // MARK: Keys

    /// Every key of the caller, with the JSON of each.
    /// - Parameter query: what the list is filtered by, encoded.
    static func keys(_ api: APIClient, _ query: [String] = []) async throws(CommandFailure) -> WireKeyPage {
        var keys: [WireKey] = []
        var values: [JSONValue] = []
        var cursor: String?
        for _ in 0..<pagesMax {
            let fields = query + ["limit=100"] + (cursor.map { ["cursor=\(PercentEncoding.encode($0))"] } ?? [])
            let page = try await api.get("/api/keys?" + fields.joined(separator: "&")) { data throws(WireProblem) in
                try WireKeyPage(data)
            }
            keys += page.keys
            values += page.values
            cursor = page.nextCursor
            if cursor == nil { break }
        }
        return WireKeyPage(keys: keys, values: values, nextCursor: cursor)
    }

    /// The id of a key that is named by id, by name, by `SERVICE/NAME`, or by a service that has one.
    static func keyID(_ text: String, _ api: APIClient) async throws(CommandFailure) -> String {
        if !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) { return text }
        return try key(text, among: try await keys(api).keys).id
    }

    /// One of the caller's keys, by id or as `key(_:among:)` has it.
    static func listedKey(_ text: String, among keys: [WireKey]) throws(CommandFailure) -> WireKey {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return try key(text, among: keys)
        }
        guard let key = keys.first(where: { $0.id == text }) else {
            throw CommandFailure(
                .failed, "You have no API key \(text): it may be revoked already.", hints: ["List them: mlaas keys"])
        }
        return key
    }

    /// The generations before a key of which revoking the key would make one current again, the newest first. The server revokes
    /// them with it. What the operator suspended stays, and a key that awaits approval has replaced none.
    static func replaced(by key: WireKey, among keys: [WireKey]) -> [WireKey] {
        key.state == "pending" ? [] : older(than: key, among: keys).filter { $0.state != "suspended" }
    }

    /// The generations of the same name before a key, the newest first.
    static func older(than key: WireKey, among keys: [WireKey]) -> [WireKey] {
        keys.filter { $0.serviceID == key.serviceID && $0.name == key.name && $0.generation < key.generation }
            .sorted { $0.generation > $1.generation }
    }

    /// Whether a text may be the name of a key.
    static func isKeyName(_ text: String) -> Bool {
        guard let first = text.utf8.first, (0x61...0x7A).contains(first), text.utf8.count <= keyNameLengthMax else {
            return false
        }
        return text.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D }
    }

    /// Of a name's generations the newest.
    static func key(_ text: String, among keys: [WireKey]) throws(CommandFailure) -> WireKey {
        var newest: [String: WireKey] = [:]
        for key in keys {
            let name = "\(key.serviceID)/\(key.name)"
            if key.generation >= newest[name]?.generation ?? .min { newest[name] = key }
        }
        let current = keys.filter { newest["\($0.serviceID)/\($0.name)"]?.id == $0.id }
        let halves = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        let found =
            halves.count == 2
            ? current.filter {
                isSame(halves[1], [$0.name])
                    && ($0.serviceID == halves[0] || isSame(halves[0], [$0.serviceSystemName, $0.serviceName]))
            }
            : current.filter { isSame(text, [$0.name, $0.serviceSystemName, $0.serviceName]) }
        if let one = found.first, found.count == 1 { return one }
        if !found.isEmpty {
            throw CommandFailure(
                .failed, "'\(text)' fits several keys.",
                hints: ["Use one of: " + found.map(shown).joined(separator: ", ")])
        }
        let near = NearMiss.best(
            for: text, among: current.flatMap { ["\($0.serviceSystemName)/\($0.name)", $0.name, $0.serviceSystemName] })
        throw CommandFailure(
            .failed, "You have no key '\(text)'.",
            hints: near.map { ["Did you mean '\($0)'?"] } ?? ["List them: mlaas keys"])
    }

    private static func shown(_ key: WireKey) -> String { "\(key.serviceSystemName)/\(key.name) (id \(key.id))" }
}
