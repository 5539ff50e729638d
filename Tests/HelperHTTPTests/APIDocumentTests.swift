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
        let schema = response["content"]?["application/json"]?["schema"]
        return (schema?["allOf"]?.array ?? []).flatMap { part in
            part["properties"]?["error"]?["properties"]?["code"]?["enum"]?.array?.compactMap(\.string) ?? []
        }
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
        #expect(Set(names).isSuperset(of: HelperError.Code.allCases.map(\.rawValue)))
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
                        #expect(String(ErrorResponse.status(for: code).code) == status, "\(name)")
                    }
                }
            }
        }
        // Readiness has a schema of its own for its only code.
        #expect(seen.union(["NOT_READY"]).isSuperset(of: HelperError.Code.allCases.map(\.rawValue)))
    }

    @Test("is what is listed of it")
    func operations() {
        let health = APIDocument.operations.first { $0.template == "/api/health" }
        #expect(health?.method == .get && health?.needsToken == false)
        let initialise = APIDocument.operations.first { $0.method == .post }
        #expect(initialise?.template == "/api/services/init" && initialise?.needsToken == true)
    }
}
