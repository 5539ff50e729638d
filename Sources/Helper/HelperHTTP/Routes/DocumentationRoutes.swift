import HTTP
import HTTPServer
import HelperCore

/// The API's description, for programs and for people.
struct DocumentationRoutes: Sendable {
    let documentation: Documentation

    /// `GET /api/openapi.json`.
    func document(_ context: EdgeContext) -> Reply { .now(documentation.document.answer(to: context.request)) }

    /// `GET /docs`.
    func page(_ context: EdgeContext) -> Reply { .now(documentation.page.answer(to: context.request)) }

    /// `GET /docs/{asset}`: one of a fixed set of names, looked up in memory.
    func asset(_ context: EdgeContext) throws -> Reply {
        guard let asset = documentation.assets[context.parameters[0]] else {
            throw HelperError(.notFound, "There is nothing here.")
        }
        return .now(asset.answer(to: context.request))
    }
}
