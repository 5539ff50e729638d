import Bytes
import HelperCore

extension MeView: PortalView {
    var section: String? { PortalPath.me }

    func title(in page: PortalPage) -> String { page.texts(.myAccount) }

    func content(in page: PortalPage) -> HTML {
        let texts = page.texts
        let shown: HTML = roles.isEmpty ? "\(texts(.rolesNone))" : "\(roles.map { "<code>\($0)</code>" as HTML })"
        let server = ShellText.quoted(serverURL)
        return """
            <dl class="facts">
            \(page.fact(.signedInAs, "<strong>\(username)</strong>"))\
            \(HTML.with(email) { page.fact(.email, "\($0)") })\
            \(page.fact(.roles, shown))\
            \(page.fact(.issuer, "<code>\(issuer)</code>"))\
            \(page.fact(.subject, "<code>\(subject)</code>"))\
            \(HTML.with(sessionEndsAt) { page.fact(.sessionEnds, page.time($0, isRelative: true)) })</dl>
            <div class="buttons">\(page.form(PortalPath.logout, button: "<button>\(texts(.signOut))</button>"))</div>
            <section aria-labelledby="terminal"><h2 id="terminal">\(texts(.terminal))</h2>
            <p>\(texts(.terminalText))</p>
            \(page.copyable("mlaas login --server \(server)", id: "login", what: texts(.terminal)))
            <p>\(texts(.terminalDevice))</p>
            \(page.copyable("mlaas login --device --server \(server)", id: "device", what: texts(.terminalDevice)))
            <p><a href="\(PortalPath.terminal)">\(texts(.commandLineGet))</a></p></section>
            """
    }
}

extension FailureView: PortalView {
    func title(in page: PortalPage) -> String { page.texts(FailureWords(failure).title) }

    func content(in page: PortalPage) -> HTML {
        let texts = page.texts
        let words = FailureWords(failure)
        let retry: HTML = .with(failure.retryAfterSeconds) { seconds in
            " \(texts(.retryIn, ["duration": texts.duration(max(1, seconds), followsPreposition: true)]))"
        }
        let listed: HTML =
            details.isEmpty
            ? "" : "<h2>\(texts(.failureDetails))</h2>\n<ul>\(details.map { "<li>\($0)</li>" as HTML })</ul>\n"
        return """
            <h2>\(texts(.whatHappened))</h2>
            <p>\(texts(words.what))</p>
            \(listed)<h2>\(texts(.whoseFault))</h2>
            <p>\(texts(words.fault))</p>
            <h2>\(texts(.whatToDo))</h2>
            <p>\(texts(words.advice))\(retry)</p>
            <p class="quiet">\(page.labelled(.requestID)) <code>\(page.requestID)</code> · <code>\(failure.code)</code></p>
            <p class="buttons">\(next(words, in: page))</p>
            """
    }

    private func next(_ words: FailureWords, in page: PortalPage) -> HTML {
        if words.needsSignIn {
            return "<a class=\"button primary\" href=\"\(PortalPath.login)\">\(page.texts(.signIn))</a>"
        }
        let home: HTML = "<a class=\"button primary\" href=\"\(PortalPath.home)\">\(page.texts(.toServices))</a>"
        guard failure.code == HelperError.Code.forbidden.rawValue, !failure.isOfForm else { return home }
        // Without it, Keycloak's session would sign the same person in again, who has not the role.
        return "\(home) <a class=\"button\" href=\"\(PortalPath.loginAsOther)\">\(page.texts(.signInAsOther))</a>"
    }
}
