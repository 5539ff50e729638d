import HTTP

/// The pages at `/docs` and our files beside them. All of it works under `default-src 'self'`: no inline script, no
/// inline style, no `data:` image. Links are relative, so that a path prefix in front of the helper does no harm.
enum DocumentationPage {
    // MARK: With Swagger UI

    static let interactive = """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>MLaaS Helper API</title>
        <link rel="icon" href="docs/icon.svg" type="image/svg+xml">
        <link rel="stylesheet" href="docs/swagger-ui.css">
        <link rel="stylesheet" href="docs/docs.css">
        </head>
        <body>
        <main id="docs"><p>Loading the documentation; it needs scripts. The document itself is at
        <a href="api/openapi.json">api/openapi.json</a>.</p></main>
        <script src="docs/swagger-ui-bundle.js"></script>
        <script src="docs/docs.js"></script>
        </body>
        </html>

        """

    /// A pasted token is forgotten with the page, and nobody outside is asked whether the document is valid.
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
    static func plain(_ operations: [APIDocument.Operation]) -> String {
        let rows = operations.map { operation in
            """
            <tr><td>\(operation.method.rawValue)</td><td><code>\(escaped(operation.template))</code></td>\
            <td>\(operation.needsToken ? "yes" : "no")</td><td>\(escaped(operation.summary))</td></tr>
            """
        }
        return """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>MLaaS Helper API</title>
            <link rel="icon" href="docs/icon.svg" type="image/svg+xml">
            <link rel="stylesheet" href="docs/docs.css">
            </head>
            <body>
            <main>
            <h1>MLaaS Helper API</h1>
            <p>The whole description, with schemas, examples and error codes, is the OpenAPI document
            <a href="api/openapi.json">api/openapi.json</a>. A token is sent as <code>Authorization: Bearer …</code>.</p>
            <table>
            <thead><tr><th scope="col">Method</th><th scope="col">Path</th><th scope="col">Token</th>\
            <th scope="col">What it does</th></tr></thead>
            <tbody>
            \(rows.joined(separator: "\n"))
            </tbody>
            </table>
            </main>
            </body>
            </html>

            """
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

    /// Text that stands for itself in HTML.
    static func escaped(_ text: String) -> String {
        var result = ""
        for character in text {
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            default: result.append(character)
            }
        }
        return result
    }
}
