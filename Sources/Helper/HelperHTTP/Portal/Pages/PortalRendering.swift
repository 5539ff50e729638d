/// A page of the portal.
protocol PortalView: Sendable {
    /// What the browser's title and the first heading say.
    func title(in page: PortalPage) -> String
    /// The content of `main` below the heading.
    func content(in page: PortalPage) -> HTML
}

extension PortalView {
    /// The whole page.
    func render(in page: PortalPage) -> HTML {
        """
        <!doctype html>
        <html lang="\(page.locale.rawValue)">
        <head><meta charset="utf-8"><title>\(title(in: page))</title></head>
        <body><main><h1>\(title(in: page))</h1>
        \(content(in: page))
        </main></body>
        </html>

        """
    }
}

extension SignedOutView: PortalView {
    func title(in page: PortalPage) -> String { "MLaaS Helper" }
    func content(in page: PortalPage) -> HTML { "" }
}

extension ServicesView: PortalView {
    func title(in page: PortalPage) -> String { "Services" }
    func content(in page: PortalPage) -> HTML { "" }
}

extension ServiceView: PortalView {
    func title(in page: PortalPage) -> String { name }
    func content(in page: PortalPage) -> HTML { "" }
}

extension KeysView: PortalView {
    func title(in page: PortalPage) -> String { "API keys" }
    func content(in page: PortalPage) -> HTML { "" }
}

extension KeyView: PortalView {
    func title(in page: PortalPage) -> String { key.name }
    func content(in page: PortalPage) -> HTML { "" }
}

extension ConfirmView: PortalView {
    func title(in page: PortalPage) -> String { "Confirm" }
    func content(in page: PortalPage) -> HTML { "" }
}

extension MeView: PortalView {
    func title(in page: PortalPage) -> String { username }
    func content(in page: PortalPage) -> HTML { "" }
}

extension FailureView: PortalView {
    func title(in page: PortalPage) -> String { failure.code }
    func content(in page: PortalPage) -> HTML { "" }
}
