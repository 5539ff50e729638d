import HTTP

/// The pages at `/docs` and our files beside them.
enum DocumentationPage {
    // MARK: With Swagger UI

    static let interactive = layout(
        styles: ["swagger-ui.css", "docs.css"], scripts: ["swagger-ui-bundle.js", "docs.js"]
    )
    .page(
        mainID: "docs",
        """
        <p>Loading the documentation; it needs scripts. The document itself is at
        <a href="api/openapi.json">api/openapi.json</a>.</p>
        """)

    private static func layout(styles: [String], scripts: [String] = []) -> PageLayout {
        PageLayout(title: "MLaaS Helper API", folder: "docs", styles: styles, scripts: scripts)
    }

    /// A pasted token is forgotten with the page, and no other server is asked whether the document is valid.
    static let script = """
        "use strict";
        SwaggerUIBundle({
            url: "api/openapi.json",
            dom_id: "#docs",
            deepLinking: true,
            displayRequestDuration: true,
            defaultModelsExpandDepth: 0,
            persistAuthorization: false,
            tryItOutEnabled: true,
            validatorUrl: null
        });

        """

    /// Swagger UI draws some signs from `data:` images, which the policy blocks: they get other signs here.
    static let interactiveStyle = """
        body { margin: 0; background: #fafafa }
        #docs > p { margin: 2rem; font-family: sans-serif }
        #docs .swagger-ui select,
        #docs .swagger-ui .checkbox input[type=checkbox]:checked + label > .item { background-image: none }
        #docs .swagger-ui select { appearance: auto }
        #docs .swagger-ui .model-toggle::after { background: none; content: "\\203A"; display: block; text-align: center }
        #docs .swagger-ui .copy-to-clipboard button { background: url("copy.svg") center / 16px no-repeat }

        """

    static let copyIcon = """
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" fill="none" stroke="#b8bdc9" stroke-width="1.5">\
        <rect x="5.5" y="5.5" width="8" height="8" rx="1.5"/><path d="M10.5 3v-.5h-8v8H3"/></svg>

        """

    // MARK: Without it

    /// A list of the routes.
    static func plain(_ operations: [APIDocument.Operation]) -> HTML {
        let rows = operations.map { operation in
            """
            <tr><td>\(operation.method.rawValue)</td><td><code>\(operation.template)</code></td>\
            <td>\(operation.needsToken ? "yes" : "no")</td><td>\(operation.summary)</td></tr>
            """ as HTML
        }
        return layout(styles: ["docs.css"]).page(
            """
            <h1>MLaaS Helper API</h1>
            <p>The whole description, with schemas, examples and error codes, is the OpenAPI document
            <a href="api/openapi.json">api/openapi.json</a>. A token is sent as <code>Authorization: Bearer …</code>.</p>
            <table>
            <thead><tr><th scope="col">Method</th><th scope="col">Path</th><th scope="col">Token</th>\
            <th scope="col">What it does</th></tr></thead>
            <tbody>
            \(rows)
            </tbody>
            </table>
            """)
    }

    static let plainStyle = """
        body { font-family: sans-serif; line-height: 1.5; margin: 2rem; color: #222; background: #fff }
        main { max-width: 60rem }
        table { border-collapse: collapse }
        th, td { border-bottom: 1px solid #ccc; padding: .4rem .8rem; text-align: left; vertical-align: top }

        """

    static let icon = """
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="6" fill="#1d4ed8"/>\
        <circle cx="11" cy="13" r="5" fill="none" stroke="#fff" stroke-width="3"/>\
        <path d="M15 17l9 9m-4-4l3-3" fill="none" stroke="#fff" stroke-width="3"/></svg>

        """
}
