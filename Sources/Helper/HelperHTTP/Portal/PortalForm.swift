import HTTPServer
import HelperCore

/// A form of the portal that was sent from one of its pages by the owner of the session.
enum PortalForm {
    static let foreign = refusal(
        "The form was not sent from a page of this portal.", "Origin or Sec-Fetch-Site is not that of PORTAL_URL")

    private static func refusal(_ message: String, _ cause: String) -> HelperError {
        var error = HelperError(.forbidden, message, cause: cause)
        error.isOfForm = true
        return error
    }

    /// - Returns: the form's values.
    /// - Throws: `FORBIDDEN` for one that another site sent, or that is of another session.
    @discardableResult
    static func check(
        _ request: Request, _ session: PortalSession, _ site: PortalSite
    ) throws(HelperError) -> FormValues {
        guard SameOrigin.sent(request, origin: site.origin) else { throw foreign }
        let form = try FormValues.body(request)
        guard let token = form["csrf"], session.accepts(csrfToken: token) else {
            throw refusal("The form is of another session. Open its page again.", "CSRF token refused")
        }
        return form
    }
}
