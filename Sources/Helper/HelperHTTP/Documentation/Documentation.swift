/// What the documentation routes serve, made once: the document, a page, and the files of the page.
package struct Documentation: Sendable {
    /// Files of Swagger UI that the page needs, by name. Nothing else is ever taken from the folder they are in.
    package static let assetNames = ["swagger-ui.css", "swagger-ui-bundle.js"]

    let document: StaticContent
    let page: StaticContent
    /// By the name in `/docs/{asset}`.
    let assets: [String: StaticContent]
    /// Whether the page shows Swagger UI; else it is a plain list of the routes.
    package let isInteractive: Bool

    /// - Parameter files: the content of `assetNames`. Where one is missing the plain page is served.
    package init(files: [String: [UInt8]] = [:]) {
        isInteractive = Self.assetNames.allSatisfy { files[$0]?.isEmpty == false }
        document = StaticContent(APIDocument.text, contentType: "application/json")
        page = StaticContent(
            isInteractive ? DocumentationPage.interactive : DocumentationPage.plain(APIDocument.operations))
        var assets = [
            "docs.css": StaticContent(
                isInteractive ? DocumentationPage.interactiveStyle : DocumentationPage.plainStyle,
                contentType: "text/css; charset=utf-8"),
            "icon.svg": StaticContent(DocumentationPage.icon, contentType: "image/svg+xml"),
        ]
        if isInteractive {
            assets["docs.js"] = StaticContent(
                DocumentationPage.script, contentType: "text/javascript; charset=utf-8")
            assets["copy.svg"] = StaticContent(DocumentationPage.copyIcon, contentType: "image/svg+xml")
            for (name, bytes) in files {
                assets[name] = StaticContent(
                    bytes,
                    contentType: name.hasSuffix(".css") ? "text/css; charset=utf-8" : "text/javascript; charset=utf-8")
            }
        }
        self.assets = assets
    }
}
