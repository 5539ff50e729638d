package import HTTPServer

/// What clients need to know of us to get a token (RFC 9728).
package struct ResourceRoutes: Sendable {
    private let resource: ProtectedResource

    package init(resource: ProtectedResource) { self.resource = resource }

    /// Where the document is.
    package var paths: [String] { resource.paths }

    package func document(_ context: EdgeContext) -> Response { resource.document(for: context.request) }
}
