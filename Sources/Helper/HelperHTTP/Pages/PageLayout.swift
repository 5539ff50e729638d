/// What every page has around its content. Works under `default-src 'self'`: no inline script, no inline style, no
/// `data:` image.
struct PageLayout: Sendable {
    let title: String
    /// The folder of the files below, relative to the page, so that a path prefix in front of the helper does no harm.
    let folder: String
    /// In their order.
    let styles: [String]
    let scripts: [String]

    /// The whole page.
    /// - Parameter main: the attributes and the content of the `main` element.
    func page(mainID: String? = nil, _ main: HTML) -> HTML {
        let links = styles.map { "<link rel=\"stylesheet\" href=\"\(folder)/\($0)\">" as HTML }
        let sources = scripts.map { "<script src=\"\(folder)/\($0)\"></script>\n" as HTML }
        let id: HTML = mainID.map { " id=\"\($0)\"" } ?? ""
        return """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>\(title)</title>
            <link rel="icon" href="\(folder)/icon.svg" type="image/svg+xml">
            \(links)
            </head>
            <body>
            <main\(id)>
            \(main)
            </main>
            \(sources)</body>
            </html>

            """
    }
}
