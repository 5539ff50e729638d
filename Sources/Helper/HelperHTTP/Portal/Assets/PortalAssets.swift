package import HTTPServer
import HelperCore

/// The files of the portal's pages, carried in the binary. Their names hold a hash of their content, so they may be cached for ever.
package struct PortalAssets: Sendable {
    package init() {}

    /// `GET /assets/{name}`.
    package func asset(_ context: EdgeContext) throws -> Response {
        throw HelperError(.notFound, "The portal has no such file.")
    }
}
