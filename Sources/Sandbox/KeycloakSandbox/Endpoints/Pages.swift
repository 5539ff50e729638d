import Bytes
import HTTP
import HTTPServer

/// Small pages without script or style, so that any browser and any content policy shows them.
enum Pages {
    static func login(action: String, error: String? = nil) -> Response {
        page(
            "Sign in to \(RealmSeed.realm)",
            (error.map { "<p role=\"alert\">\(Markup.escape($0))</p>" } ?? "") + """
                <form id="kc-form-login" action="\(Markup.escape(action))" method="post">
                <p><label for="username">Username</label> <input id="username" name="username" type="text" autocomplete="username"></p>
                <p><label for="password">Password</label> <input id="password" name="password" type="password" autocomplete="current-password"></p>
                <input type="hidden" name="credentialId" value="">
                <p><input id="kc-login" type="submit" value="Sign In"></p>
                </form>
                """)
    }

    static func consent(action: String, code: String, client: String) -> Response {
        page(
            "Grant access to \(Markup.escape(client))",
            """
            <form action="\(Markup.escape(action))" method="post">
            <input type="hidden" name="code" value="\(Markup.escape(code))">
            <p><input type="submit" name="accept" value="Yes"> <input type="submit" name="cancel" value="No"></p>
            </form>
            """)
    }

    static func logout(action: String, target: String) -> Response {
        page(
            "Logging out",
            """
            <p>Do you want to log out?</p>
            <form action="\(Markup.escape(action))" method="post">
            <input type="hidden" name="target" value="\(Markup.escape(target))">
            <p><input id="kc-logout" type="submit" name="confirmLogout" value="Logout"></p>
            </form>
            """)
    }

    static func device(action: String) -> Response {
        page(
            "Device login",
            """
            <form action="\(Markup.escape(action))" method="get">
            <p><label for="user_code">Code shown by your device</label> <input id="user_code" name="user_code" type="text"></p>
            <p><input type="submit" value="Submit"></p>
            </form>
            """)
    }

    static func message(_ title: String, _ text: String, status: HTTPStatus = .ok) -> Response {
        page(title, "<p>\(Markup.escape(text))</p>", status: status)
    }

    private static func page(_ title: String, _ body: String, status: HTTPStatus = .ok) -> Response {
        let html = """
            <!DOCTYPE html>
            <html lang="en">
            <head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>\(Markup.escape(title))</title></head>
            <body><main><h1>\(Markup.escape(title))</h1>
            \(body)
            </main></body>
            </html>

            """
        return .text(html, status: status, contentType: "text/html;charset=utf-8")
    }
}
