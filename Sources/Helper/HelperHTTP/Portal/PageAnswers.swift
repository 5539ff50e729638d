import HTTP
import HTTPServer
import HelperCore

/// Makes answers of the portal's views: what is around each page comes from the request.
package struct PageAnswers: Sendable {
    private static let languageSeconds = 365 * 86_400

    let site: PortalSite
    /// Seconds since 1970.
    let now: @Sendable () -> Int
    /// Whose session a request has: for pages of failures that no route has read it for.
    let session: @Sendable (Request) -> SessionReading

    /// The page of a view.
    /// - Parameter staleSeconds: how old its data is, where 3scale could not be asked for newer data.
    func page(
        _ view: some PortalView, _ context: PageContext, status: HTTPStatus = .ok, staleSeconds: Int? = nil
    ) -> Response {
        var session: PortalSession?
        if case .active(let active) = context.session { session = active }
        return page(view, context.request, session, status: status, staleSeconds: staleSeconds)
    }

    /// Puts the page of a failure in the place of its JSON, for browsers: on the portal's routes, and for paths outside the API that
    /// no route, or none of this method, has.
    func replaceBody(of response: inout Response, _ error: HelperError, _ exchange: Exchange) {
        let request = exchange.request
        let isPage = exchange.endpoint.isPage
        let isStray = [.notFound, .methodNotAllowed].contains(error.code) && !request.path.hasPrefix("/api/")
        guard isPage || isStray, SameOrigin.wantsHTML(request) else { return }
        var session: PortalSession?
        if case .active(let active) = isPage ? exchange.session : self.session(request) { session = active }
        let failure = PortalFailure(error, status: response.status)
        let view = FailureView(failure: failure, details: error.details.map { "\($0.field) \($0.issue)" })
        let page = page(view, request, session, status: response.status)
        response.setContentType("text/html; charset=utf-8")
        response.body = page.body
    }

    private func page(
        _ view: some PortalView, _ request: Request, _ session: PortalSession?, status: HTTPStatus,
        staleSeconds: Int? = nil
    ) -> Response {
        let chosen = FormValues((request.query ?? "").utf8)?["lang"].flatMap { PortalLocale(rawValue: $0) }
        let kept = RequestCookies(request)[site.languageCookie].map(String.init)
        var page = PortalPage()
        page.locale = PortalLocale(
            chosen: chosen?.rawValue ?? kept, acceptLanguage: request.head.value(of: .acceptLanguage))
        page.csrfToken = session?.csrfToken ?? ""
        page.signedInAs = session?.caller.username
        page.requestID = request.id.description
        page.staleSeconds = staleSeconds
        page.path = Self.path(of: request)
        page.now = now()
        page.notice = FormValues((request.query ?? "").utf8)?["done"].flatMap { PortalNotice(rawValue: $0) }
        var response = Response.text(
            view.render(in: page).markup, status: status, contentType: "text/html; charset=utf-8")
        if let chosen {
            response.fields.append(
                "set-cookie",
                site.setCookie(site.languageCookie, chosen.rawValue, seconds: Self.languageSeconds))
        }
        return response
    }

    /// A page that answers `GET`, for the links that choose a language: an answer to a form belongs to the page before its action.
    static func path(of request: Request) -> ReturnPath {
        var path = request.head.path
        if request.method == .get || request.method == .head {
            // A language chosen before is replaced, and what a form has done is said once.
            let query = (request.query ?? "").split(separator: "&").filter { pair in
                !["lang", "done"].contains(pair.prefix { $0 != "=" })
            }
            if !query.isEmpty { path += "?" + query.joined(separator: "&") }
        } else {
            path = pathOfForm(path)
        }
        return ReturnPath(path) ?? .home
    }

    /// `/keys/7` of `/keys/7/reveal`.
    static func pathOfForm(_ path: String) -> String {
        for action in ["/reveal", "/test"] where path.hasSuffix(action) { return String(path.dropLast(action.count)) }
        return path
    }

    /// The answer to a form that has done its work, and to a page that belongs elsewhere (RFC 9110 §15.4.4).
    static func redirect(to url: String, cookies: [String] = []) -> Response {
        Response(
            status: .seeOther,
            fields: HTTPFields([("location", url)] + cookies.map { ("set-cookie", $0) }))
    }
}

extension PortalFailure {
    init(_ error: HelperError, status: HTTPStatus? = nil) {
        self.init(
            code: error.code.rawValue, status: (status ?? ErrorResponse.status(for: error.code)).code,
            retryAfterSeconds: error.retryAfter.map { max(1, Int($0.components.seconds)) },
            isKeycloaks: error.isKeycloaks, isOfForm: error.isOfForm)
    }
}

extension FieldName {
    fileprivate static let acceptLanguage: FieldName = "accept-language"
}
