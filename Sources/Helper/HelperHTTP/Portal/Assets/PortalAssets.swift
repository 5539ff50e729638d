import Bytes
import Crypto
import HTTP
package import HTTPServer
import HelperCore

/// The files of the portal's pages, carried in the binary. Their names hold a hash of their content, so browsers may cache them for
/// ever.
package struct PortalAssets: Sendable {
    /// One file.
    struct File: Sendable {
        /// The last part of its path.
        let name: String
        let response: Response

        init(_ stem: String, _ suffix: String, contentType: String, _ text: String) {
            let body = Array(text.utf8)
            name = "\(stem).\(Hex.encode(SHA256.hash(body).prefix(8))).\(suffix)"
            var response = Response(
                fields: HTTPFields([
                    ("content-type", contentType), ("cache-control", "public, max-age=31536000, immutable"),
                ]), body: body)
            response.isCacheable = true
            self.response = response
        }

        var path: String { "/assets/" + name }
    }

    static let style = File("portal", "css", contentType: "text/css; charset=utf-8", PortalStyle.css)
    static let script = File("portal", "js", contentType: "text/javascript; charset=utf-8", PortalScript.javaScript)
    static let icon = File("icon", "svg", contentType: "image/svg+xml", DocumentationPage.icon)

    private let files: [String: Response]

    package init() {
        files = Dictionary(
            [Self.style, Self.script, Self.icon].map { ($0.name, $0.response) }, uniquingKeysWith: { first, _ in first }
        )
    }

    /// `GET /assets/{name}`.
    package func asset(_ context: EdgeContext) throws -> Response {
        guard let response = files[context.parameters[0]] else {
            throw HelperError(.notFound, "The portal has no such file.")
        }
        return response
    }
}
