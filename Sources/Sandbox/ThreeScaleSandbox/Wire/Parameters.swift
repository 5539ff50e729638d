import HTTP
import HTTPServer
import JSON
import SandboxSupport

/// Parameters of a request: query before body, form or JSON, on any verb. Ids of the path are the routes' business.
struct Parameters {
    private let query: FormFields
    private let form: FormFields
    private let json: JSONObject?
    /// The name of the resource's wrapper, as in `service[name]=` or `{"service":{...}}`; what it holds wins.
    var wrapper: String?

    /// A JSON body that cannot be read is an error of its own.
    struct Unreadable: Error {}

    init(_ request: Request) throws(Unreadable) {
        query = FormFields(decoding: request.query ?? "")
        let type = request.head.value(of: .contentType)?.lowercased() ?? ""
        if type.hasPrefix("application/json"), !request.body.isEmpty {
            guard let value = try? JSONValue(parsing: request.body) else { throw Unreadable() }
            json = value.object
            form = FormFields()
        } else {
            json = nil
            form = FormFields(decoding: request.body.isEmpty ? "" : String(decoding: request.body, as: UTF8.self))
        }
    }

    /// A scalar as text; nil also for null.
    subscript(name: String) -> String? {
        wrapped(name) ?? query[name] ?? form[name] ?? json.flatMap { Self.text($0[name]) }
    }

    private func wrapped(_ name: String) -> String? {
        guard let wrapper else { return nil }
        let member = "\(wrapper)[\(name)]"
        return query[member] ?? form[member] ?? Self.text(json?[wrapper]?[name])
    }

    func has(_ name: String) -> Bool { query[name] != nil || form[name] != nil || json?[name] != nil }

    func int(_ name: String) -> Int? { self[name].flatMap(Int.init) }

    /// True for what Rails takes for true.
    func bool(_ name: String) -> Bool? { self[name].map { ["true", "1", "t", "yes", "on"].contains($0.lowercased()) } }

    /// One value or several, as `name`, `name[]` or a JSON array.
    func list(_ name: String) -> [String] {
        let direct = query.values(name) + form.values(name) + query.values("\(name)[]") + form.values("\(name)[]")
        if !direct.isEmpty { return direct }
        if let array = json?[name]?.array { return array.compactMap(Self.text) }
        return self[name].map { [$0] } ?? []
    }

    private static func text(_ value: JSONValue?) -> String? {
        switch value {
        case .string(let text): text
        case .number(let number): number.text
        case .bool(let flag): flag ? "true" : "false"
        default: nil
        }
    }
}
