import HTTP
import HTTPServer
import JSON
import ThreeScaleSandbox

/// Calls the sandbox as its admin, without a socket.
struct Tenant3scale {
    let sandbox = ThreeScaleSandbox(ThreeScaleSeed.standard(now: 1_772_442_900))

    struct Reply {
        let status: Int
        let text: String
        let json: JSONValue
        let fields: HTTPFields
    }

    /// - Parameter path: below `/admin/api/`, with extension and query.
    func call(
        _ method: HTTPMethod, _ path: String, form: String? = nil, json: JSONValue? = nil,
        authorization: String? = "Basic OnNhbmRib3gtYWRtaW4tdG9rZW4=", base: String = "/admin/api/"
    ) async -> Reply {
        var fields = [("host", "tenant-admin.example.com")]
        if let authorization { fields.append(("authorization", authorization)) }
        if form != nil { fields.append(("content-type", "application/x-www-form-urlencoded")) }
        if json != nil { fields.append(("content-type", "application/json")) }
        let target = Array((base + path).utf8)
        let question = target.firstIndex(of: 0x3F)
        var bytes = target
        var slots: [RequestHead.FieldSlot] = []
        for (name, value) in fields {
            let start = bytes.count
            bytes += Array(name.utf8)
            let middle = bytes.count
            bytes += Array(value.utf8)
            slots.append(.init(name: start..<middle, value: middle..<bytes.count))
        }
        let head = RequestHead(
            method: method, version: .http11, bytes: bytes, pathRange: 0..<(question ?? target.count),
            queryRange: question.map { ($0 + 1)..<target.count }, fields: slots)
        let body = form.map { Array($0.utf8) } ?? json?.encoded() ?? []
        let request = Request(head: head, body: body, id: "test", remoteAddress: "127.0.0.1")
        let response = await sandbox.respond(to: request).response()
        return Reply(
            status: response.status.code, text: String(decoding: response.body, as: UTF8.self),
            json: (try? JSONValue(parsing: response.body)) ?? .null, fields: response.fields)
    }

    /// The id of a service of the seed.
    func service(_ systemName: String) -> Int {
        sandbox.snapshot.services.values.first { $0.systemName == systemName }!.id
    }

    func plan(_ service: String, _ name: String) -> Int {
        let id = self.service(service)
        return sandbox.snapshot.plans.values.first { $0.serviceID == id && $0.kind == .application && $0.name == name }!
            .id
    }

    /// A new account's id.
    func signUp(_ name: String) async -> Int {
        await call(.post, "signup.json", form: "org_name=\(name)&username=\(name)&password=long-enough-password")
            .json["account"]!["id"]!.int!
    }
}
