import HTTP
package import HelperHTTP

/// The routing table of the portal: every page on one screen. A part of the API's table where the portal is on.
package struct PortalTable {
    private let signIn: SignInRoutes
    private let pages: PortalRoutes
    private let assets: PortalAssets

    package init(signIn: SignInRoutes, pages: PortalRoutes, assets: PortalAssets) {
        self.signIn = signIn
        self.pages = pages
        self.assets = assets
    }

    package var routes: [Route] {
        [
            .page(.get, "/", pages.home),
            .page(.get, "/login", signIn.login),
            .page(.get, "/callback", signIn.callback),
            .page(.post, "/logout", signIn.logout),
            .page(.post, "/backchannel-logout", limit: .logout, signIn.backchannelLogout),
            .page(.get, "/me", pages.me),
            .page(.get, "/terminal", pages.terminal),
            .page(.get, "/services/{system_name}", pages.service),
            .page(.get, "/services/{system_name}/key", pages.keyForm),
            .page(.post, "/services/{system_name}/key", limit: .write, pages.makeKey),
            .page(.get, "/keys", pages.keys),
            .page(.get, "/keys/{id}", pages.key),
            .page(.get, "/keys/{id}/reveal", pages.formPage),
            .page(.post, "/keys/{id}/reveal", limit: .reveal, pages.reveal),
            .page(.get, "/keys/{id}/test", pages.formPage),
            .page(.post, "/keys/{id}/test", limit: .test, pages.test),
            .page(.get, "/keys/{id}/rotate", pages.confirmRotation),
            .page(.post, "/keys/{id}/rotate", limit: .write, pages.rotate),
            .page(.get, "/keys/{id}/pause", pages.confirmPause),
            .page(.post, "/keys/{id}/pause", limit: .write, pages.pause),
            .page(.get, "/keys/{id}/resume", pages.confirmResumption),
            .page(.post, "/keys/{id}/resume", limit: .write, pages.resume),
            .page(.get, "/keys/{id}/plan", pages.confirmPlan),
            .page(.post, "/keys/{id}/plan", limit: .write, pages.changePlan),
            .page(.get, "/keys/{id}/edit", pages.edit),
            .page(.post, "/keys/{id}/edit", limit: .write, pages.saveEdit),
            .page(.get, "/keys/{id}/revoke", pages.confirmRevocation),
            .page(.post, "/keys/{id}/revoke", limit: .write, pages.revoke),
            .get("/assets/{name}", assets.asset),
        ]
    }
}
