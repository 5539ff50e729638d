/// A page of the portal.
protocol PortalView: Sendable {
    /// What the browser's title and the first heading say.
    func title(in page: PortalPage) -> String
    /// The content of `main` below the heading.
    func content(in page: PortalPage) -> HTML
    /// The entry of the navigation that the page belongs to, as a path; nil for none.
    var section: String? { get }
}

extension PortalView {
    var section: String? { nil }

    /// The whole page. Works under `default-src 'self'`: no inline script, no inline style, no image from elsewhere.
    func render(in page: PortalPage) -> HTML {
        let title = title(in: page)
        let brand = title == Self.brand ? "" : " – \(Self.brand)"
        return """
            <!doctype html>
            <html lang="\(page.locale.rawValue)">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>\(title)\(brand)</title>
            <link rel="icon" href="\(PortalAssets.icon.path)" type="image/svg+xml">
            <link rel="stylesheet" href="\(PortalAssets.style.path)">
            <script src="\(PortalAssets.script.path)" defer></script>
            </head>
            <body>
            <a class="skip" href="#main">\(page.texts(.skipToContent))</a>
            \(header(in: page))
            <main id="main" tabindex="-1">
            \(stale(in: page))\(notice(in: page))<h1>\(title)</h1>
            \(content(in: page))
            </main>
            \(footer(in: page))
            <p class="hidden" id="said" role="status"></p>
            </body>
            </html>

            """
    }

    private static var brand: String { "MLaaS Helper" }

    private func header(in page: PortalPage) -> HTML {
        let texts = page.texts
        guard page.signedInAs != nil else {
            return """
                <header class="top"><div class="bar"><a class="brand" href="\(PortalPath.home)">\(Self.brand)</a></div></header>
                """
        }
        let entries = [
            (PortalPath.home, texts(.services)), (PortalPath.keys, texts(.apiKeys)), (PortalPath.me, texts(.myAccount)),
        ]
        .map { path, label in
            let current: HTML = path == section ? " aria-current=\"page\"" : ""
            return "<li><a href=\"\(path)\"\(current)>\(label)</a></li>" as HTML
        }
        return """
            <header class="top"><div class="bar">
            <a class="brand" href="\(PortalPath.home)">\(Self.brand)</a>
            <nav aria-label="\(texts(.navigation))"><ul>
            \(entries)
            </ul></nav>
            \(page.form(PortalPath.logout, button: "<button class=\"small\">\(texts(.signOut))</button>"))
            </div></header>
            """
    }

    private func stale(in page: PortalPage) -> HTML {
        .with(page.staleSeconds) { seconds in
            let age = page.texts.duration(seconds, followsPreposition: true)
            return "<p class=\"note warn\" role=\"status\">\(page.texts(.stale, ["age": age]))</p>\n"
        }
    }

    private func notice(in page: PortalPage) -> HTML {
        .with(page.notice) { notice in
            let look = notice == .notSent ? "warn" : "good"
            return "<p class=\"note \(look)\" role=\"status\">\(page.texts(notice.message))</p>\n"
        }
    }

    private func footer(in page: PortalPage) -> HTML {
        let texts = page.texts
        let languages = PortalLocale.allCases.map { locale in
            let current: HTML = locale == page.locale ? " aria-current=\"true\"" : ""
            return """
                <li><a href="\(page.path(in: locale))" lang="\(locale.rawValue)" hreflang="\(locale.rawValue)"\(current)>\
                \(locale.name)</a></li>
                """ as HTML
        }
        return """
            <footer class="foot">
            <nav aria-label="\(texts(.language))"><ul>
            \(languages)
            </ul></nav>
            <p><a href="/docs">\(texts(.apiDocumentation))</a></p>
            <p>\(page.labelled(.requestID)) <code>\(page.requestID)</code></p>
            </footer>
            """
    }
}

extension PortalNotice {
    var message: PortalMessage {
        switch self {
        case .created: .noticeCreated
        case .pending: .noticePending
        case .existing: .noticeExisting
        case .rotated: .noticeRotated
        case .paused: .noticePaused
        case .resumed: .noticeResumed
        case .revoked: .noticeRevoked
        case .planChanged: .noticePlanChanged
        case .changed: .noticeChanged
        case .notSent: .noticeNotSent
        }
    }
}
