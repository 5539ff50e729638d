import HTTP
import HelperCore
import HelperHTTP
import JSON
import Testing

@Suite("The OpenAPI document and the errors")
struct APIDocumentTests {
    private let document: JSONValue

    init() throws { document = try JSONValue(parsing: APIDocument.text) }

    /// The codes of the failures that the document promises for a status, over all operations.
    private func codes(_ response: JSONValue) -> [String] {
        response["x-error-codes"]?.array?.compactMap(\.string) ?? []
    }

    private func resolved(_ response: JSONValue) -> JSONValue {
        guard let reference = response["$ref"]?.string, let name = reference.split(separator: "/").last else {
            return response
        }
        return document["components"]?["responses"]?[String(name)] ?? .null
    }

    @Test("names every error code there is")
    func allCodes() {
        let names = document["components"]?["schemas"]?["ErrorCode"]?["enum"]?.array?.compactMap(\.string) ?? []
        #expect(Set(names) == Set(HelperError.Code.allCases.map(\.rawValue)))
        #expect(names.count == Set(names).count)
    }

    @Test("promises a code under its own status only")
    func statuses() {
        var seen: Set<String> = []
        for (_, item) in document["paths"]?.object?.members ?? [] {
            for (_, operation) in item.object?.members ?? [] {
                for (status, response) in operation["responses"]?.object?.members ?? [] {
                    for name in codes(resolved(response)) {
                        seen.insert(name)
                        guard let code = HelperError.Code(rawValue: name), status != "default" else { continue }
                        // Where no secret may be shown again.
                        if code == .keyStateConflict, status == "403" { continue }
                        #expect(String(ErrorResponse.status(for: code).code) == status, "\(name)")
                    }
                }
            }
        }
        #expect(seen == Set(HelperError.Code.allCases.map(\.rawValue)))
    }

    private func responses(_ path: String, _ method: String) -> JSONValue {
        document["paths"]?[path]?[method]?["responses"] ?? .null
    }

    @Test("says of every route but the probes, which never wait, that it may be overloaded")
    func overload() {
        for operation in APIDocument.operations {
            let responses = responses(operation.template, operation.method.rawValue.lowercased())
            let mayWait = !operation.template.hasPrefix("/api/health")
            let names = responses["503"].map { codes(resolved($0)) } ?? []
            #expect(names.contains("OVERLOADED") == mayWait, "\(operation.template)")
        }
    }

    @Test("promises a refusal's three fields, and none of them where nothing is counted")
    func rateLimitFields() {
        let uncounted: Set = ["/api/health", "/api/health/ready", "/metrics"]
        for operation in APIDocument.operations {
            let responses = responses(operation.template, operation.method.rawValue.lowercased())
            guard let refusal = responses["429"] else {
                #expect(uncounted.contains(operation.template), "\(operation.template)")
                continue
            }
            #expect(!uncounted.contains(operation.template))
            for field in ["RateLimit", "RateLimit-Policy", "Retry-After"] {
                let name = resolved(refusal)["headers"]?[field]?["$ref"]?.string?.split(separator: "/").last ?? ""
                #expect(document["components"]?["headers"]?[String(name)]?["required"] == .bool(true), "\(field)")
            }
        }
    }

    @Test("is what is listed of it")
    func operations() {
        let health = APIDocument.operations.first { $0.template == "/api/health" }
        #expect(health?.method == .get && health?.needsToken == false)
        let initialise = APIDocument.operations.first { $0.method == .post }
        #expect(initialise?.template == "/api/services/init" && initialise?.needsToken == true)
    }
}
