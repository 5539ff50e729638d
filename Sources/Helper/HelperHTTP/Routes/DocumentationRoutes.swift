package import HTTPServer
import HelperCore

/// The API's description, for programs and for people.
package struct DocumentationRoutes: Sendable {
    private let documentation: Documentation

    package init(documentation: Documentation) { self.documentation = documentation }

    /// `GET /api/openapi.json`.
    package func document(_ context: EdgeContext) -> Response { documentation.document.answer(to: context.request) }

    /// `GET /docs`.
    package func page(_ context: EdgeContext) -> Response { documentation.page.answer(to: context.request) }

    /// `GET /docs/{asset}`: one of a fixed set of names, looked up in memory.
    package func asset(_ context: EdgeContext) throws -> Response {
        guard let asset = documentation.assets[context.parameters[0]] else {
            throw HelperError(.notFound, "The documentation has no such file.")
        }
        return asset.answer(to: context.request)
    }
}
