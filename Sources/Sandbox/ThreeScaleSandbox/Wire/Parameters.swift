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
            // A body of another type is not read.
            let isForm = type.isEmpty || type.hasPrefix("application/x-www-form-urlencoded")
            form = FormFields(decoding: isForm ? String(decoding: request.body, as: UTF8.self) : "")
        }
    }

    /// Whether a value holds a NUL, which 3scale's database refuses.
    var hasNUL: Bool {
        (query.pairs + form.pairs).contains { $0.value.utf8.contains(0) }
            || json?.members.contains { $0.value.string?.utf8.contains(0) == true } == true
    }

    /// Whether the body holds anything for a resource with that wrapper: members of the query are not wrapped.
    func hasBody(for wrapper: String) -> Bool {
        let members = json?.members.map(\.name) ?? form.pairs.map(\.name)
        return query.pairs.contains { $0.name.hasPrefix("\(wrapper)[") }
            || members.contains { !Self.credentials.contains($0) }
    }

    private static let credentials = ["access_token", "provider_key"]

    /// The members of a nested object, as `name[member]=` or `{"name":{...}}`.
    func members(of name: String) -> [(name: String, value: String)] {
        let nested = (query.pairs + form.pairs).compactMap { pair -> (name: String, value: String)? in
            guard pair.name.hasPrefix("\(name)["), pair.name.hasSuffix("]") else { return nil }
            return (String(pair.name.dropFirst(name.count + 1).dropLast()), pair.value)
        }
        let object = json?[name]?.object?.members.compactMap { member in
            Self.text(member.value).map { (name: member.name, value: $0) }
        }
        return nested + (object ?? [])
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

    func has(_ name: String) -> Bool {
        query[name] != nil || form[name] != nil || json?[name] != nil || query["\(name)[]"] != nil
    }

    /// A number as far as it goes; nil where there is none, and beyond 64 bits.
    func int(_ name: String) -> Int? { self[name].flatMap(Self.id) }

    /// A number as far as it goes, as ids are read.
    static func id(_ text: String) -> Int? {
        let digits = text.drop { $0 == " " }.prefix { $0.isASCII && $0.isNumber }
        return digits.isEmpty ? nil : Int(digits)
    }

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
