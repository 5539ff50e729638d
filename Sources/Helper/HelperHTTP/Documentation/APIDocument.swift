package import HTTP
import JSON

/// The OpenAPI document that is served, and what it says of each route.
package enum APIDocument {
    /// One operation of the document.
    package struct Operation: Sendable, Equatable {
        package let method: HTTPMethod
        /// The path's template, as the router has it.
        package let template: String
        package let summary: String
        package let needsToken: Bool
    }

    /// JSON text.
    package static let text = Array(OpenAPIText.json.utf8)

    /// Every operation, in the document's order.
    package static let operations: [Operation] = {
        guard let document = try? JSONValue(parsing: text), let paths = document["paths"]?.object else { return [] }
        return paths.members.flatMap { template, item in
            (item.object?.members ?? []).compactMap { name, operation in
                guard let summary = operation["summary"]?.string else { return nil }
                return Operation(
                    method: HTTPMethod(name.uppercased()), template: template, summary: summary,
                    needsToken: operation["security"]?.array?.isEmpty != true)
            }
        }
    }()
}
