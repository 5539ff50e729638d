import Bytes
import HTTP
package import HTTPServer
package import HelperCore

/// The pages of the portal and the targets of their forms. Each calls the use-case that the API's route of the same purpose
/// calls.
package struct PortalRoutes: Sendable {
    /// Keys on one page: more than any rule of an operator lets a person have.
    static let keysMax = 1_000

    /// What the pages call: what the API's routes call.
    package struct UseCases: Sendable {
        let catalogs: CatalogStore
        let listServices: ListServices
        let findService: FindService
        let find: FindKeys
        let change: ChangeKeys
        let make: MakeKeys
        let test: TestKey
        let readUsage: ReadUsage

        package init(catalogs: CatalogStore, services: ServiceRoutes, keys: KeyRoutes) {
            self.catalogs = catalogs
            listServices = services.listServices
            findService = services.findService
            find = keys.find
            change = keys.change
            make = keys.make
            test = keys.testKey
            readUsage = keys.readUsage
        }
    }

    let use: UseCases
    let rules: KeyRules
    let signIn: SignInRoutes
    let sessions: PortalSessions
    let pages: PageAnswers
    /// The URL by which programs reach the helper.
    private let serverURL: String
    /// Where the packages of the command line are.
    private let downloadURL: String?

    package init(
        _ use: UseCases, rules: KeyRules, signIn: SignInRoutes, sessions: PortalSessions, serverURL: String,
        downloadURL: String? = nil
    ) {
        self.use = use
        self.rules = rules
        self.signIn = signIn
        self.sessions = sessions
        self.serverURL = serverURL
        self.downloadURL = downloadURL
        pages = sessions.pages
    }

    // MARK: The person

    /// `GET /me`.
    package func me(_ context: PageContext) async throws -> Response {
        try await signedIn(context) { session in
            let caller = session.caller
            let view = MeView(
                username: caller.username, email: caller.email, issuer: caller.issuer, subject: caller.subject,
                roles: caller.roles.map(\.description).sorted(), serverURL: serverURL,
                sessionEndsAt: sessions.end(of: session))
            return pages.page(view, context)
        }
    }

    /// `GET /terminal`.
    package func terminal(_ context: PageContext) async throws -> Response {
        try await signedIn(context) { _ in
            pages.page(CommandLineView(serverURL: serverURL, downloadURL: downloadURL), context)
        }
    }

    // MARK: Sessions

    /// A page for people who are signed in. Others are sent to sign in, and come back.
    func signedIn(
        _ context: PageContext, _ work: (PortalSession) async throws -> Response
    ) async throws -> Response {
        switch context.session {
        case .active(let session): try await work(session)
        case .expired: try await signIn.renew(context.request, returningTo: Self.here(context))
        case .none, .ended: try await signIn.begin(context.request, returningTo: Self.here(context))
        }
    }

    /// A form that changes something. One whose session must be renewed changes nothing: its owner is sent back to its page, by way
    /// of Keycloak, and reads there that nothing was done.
    /// - Parameter page: where the form is.
    func changed(
        _ context: PageContext, page: String, _ work: (PortalSession, FormValues) async throws -> Response
    ) async throws -> Response {
        guard case .active(let session) = context.session else {
            guard SameOrigin.sent(context.request, origin: sessions.site.origin) else { throw PortalForm.foreign }
            return PageAnswers.redirect(to: page + "?done=\(PortalNotice.notSent.rawValue)")
        }
        return try await work(session, try PortalForm.check(context.request, session, sessions.site))
    }

    static func here(_ context: PageContext) -> ReturnPath {
        let query = context.request.query.map { "?\($0)" } ?? ""
        return ReturnPath(context.request.path + query) ?? ReturnPath(context.request.path) ?? .home
    }

    static func id(_ context: PageContext) throws(KeyError) -> Int {
        guard let id = ForeignNumber.canonical(context.parameters[0]) else { throw .notFound }
        return id
    }

    static func seconds(_ age: Duration?) -> Int? { age.map { Int($0.components.seconds) } }

    /// How old what pages show is, where 3scale could not be asked for newer.
    var staleSeconds: Int? { Self.seconds(use.catalogs.staleAge) }

    /// The caller's keys, all or those of one service, by one call: a secret that costs a call of its own is asked for on the page
    /// of its key alone.
    static func every(of service: Service? = nil) -> FindKeys.Filter {
        FindKeys.Filter(service: service?.id, limit: keysMax, asksForSecrets: false)
    }
}
