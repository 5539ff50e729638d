import Bytes
import HTTP
package import HTTPServer
package import HelperCore
import JSON

/// The pages of the portal and the targets of their forms. Each calls the use-case that the API's route of the same purpose
/// calls.
package struct PortalRoutes: Sendable {
    /// Keys on one page: more than any rule of an operator lets a person have.
    private static let keysMax = 1_000

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

    private let use: UseCases
    private let rules: KeyRules
    private let signIn: SignInRoutes
    private let sessions: PortalSessions
    private let pages: PageAnswers
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

    // MARK: Services

    /// `GET /`. Programs get what they got before there was a portal.
    package func home(_ context: PageContext) async throws -> Response {
        guard SameOrigin.wantsHTML(context.request) else { throw HelperAPI.noRoute(context.request) }
        switch context.session {
        case .active(let session): return try await services(session.caller, context)
        case .expired: return try await signIn.renew(context.request, returningTo: Self.here(context))
        case .ended: return pages.page(SignedOutView(reason: .sessionEnded), context)
        case .none: return pages.page(SignedOutView(), context)
        }
    }

    private func services(_ caller: Caller, _ context: PageContext) async throws -> Response {
        let query = try FormValues.query(context.request)["q"] ?? ""
        let catalog: Catalog
        do throws(CatalogError) {
            catalog = try use.catalogs.require()
        } catch {
            let known = HelperError(error)
            let view = ServicesView(services: [], total: 0, query: query, failure: PortalFailure(known))
            return pages.page(view, context, status: ErrorResponse.status(for: known.code))
        }
        let shown = catalog.services.filter { sessions.policy.shows($0, to: caller) }
        let known = await keyStates(of: caller)
        let search = ServiceSearch(query)
        let rows = shown.filter(search.matches).map { service in
            let states = known.keys?[service.id]
            return ServiceRow(
                systemName: service.systemName, name: service.name, description: service.description,
                keyState: states?.state, keyCount: states?.count ?? 0, planName: states?.plan)
        }
        let view = ServicesView(services: rows, total: shown.count, query: query, knowsKeys: known.keys != nil)
        return pages.page(view, context, staleSeconds: Self.seconds(known.staleAge))
    }

    /// What a row says of the caller's keys on one service.
    private struct KeySummary {
        var state: KeyState
        var count: Int
        var plan: String
    }

    /// Every key where 3scale can be asked, else the last that is known of those named `default`; nil where nothing is.
    private func keyStates(of caller: Caller) async -> (keys: [Int: KeySummary]?, staleAge: Duration?) {
        if let found = try? await use.find.list(.init(limit: Self.keysMax), for: caller) {
            // The newest generation of each name comes first.
            let keys = Dictionary(grouping: found.items, by: \.service.id).compactMapValues { items in
                (items.first { $0.key.name == .standard } ?? items.first).map {
                    KeySummary(state: $0.key.state, count: items.count, plan: $0.key.application.plan.name)
                }
            }
            return (keys, use.catalogs.staleAge)
        }
        guard let list = try? await use.listServices(for: caller) else { return (nil, use.catalogs.staleAge) }
        return (
            list.keys.mapValues { KeySummary(state: KeyState($0.state), count: 1, plan: $0.plan.name) }, list.staleAge
        )
    }

    /// `GET /services/{system_name}`.
    package func service(_ context: PageContext) async throws -> Response {
        try await signedIn(context) { session in
            let service = try service(named: context.parameters[0], for: session.caller)
            let found = try? await use.find.list(.init(service: service.id, limit: Self.keysMax), for: session.caller)
            return await page(of: service, keys: found?.items, session.caller, context)
        }
    }

    /// - Parameters:
    ///   - keys: the caller's; nil where they could not be read.
    ///   - revealed: the key whose secret is shown.
    private func page(
        of service: Service, keys: [FindKeys.Item]?, _ caller: Caller, _ context: PageContext,
        revealed: ChangeKeys.Revealed? = nil
    ) async -> Response {
        let live =
            keys?.first { $0.key.state == .live && $0.key.name == .standard }
            ?? keys?.first { $0.key.state == .live || $0.key.state == .retiring }
        let view = ServiceView(
            systemName: service.systemName, name: service.name, description: service.description,
            access: ServiceAccess(service), plans: await plans(of: service, for: caller),
            keys: keys?.map { KeyRow($0) }, offer: offer(service, keys), canReveal: !rules.showsOnce,
            revealed: revealed.flatMap { RevealedCredentials($0.secret) },
            snippetKeyID: (revealed?.item ?? live).map { String($0.key.application.id) })
        return pages.page(view, context, staleSeconds: Self.seconds(use.catalogs.staleAge))
    }

    private func plans(of service: Service, for caller: Caller) async -> [PlanColumn] {
        if let offered = try? await use.findService.plans(of: service.id, for: caller) {
            return offered.map { PlanColumn($0.plan, limits: $0.limits) }
        }
        return service.plans.filter(\.isOffered).map { PlanColumn($0, limits: nil) }
    }

    private func offer(_ service: Service, _ keys: [FindKeys.Item]?) -> ServiceView.KeyOffer {
        guard let keys, service.isComplete else { return .unavailable }
        guard service.plans.contains(where: \.isOffered) else { return .noPlans }
        let names = Set(keys.map(\.key.name))
        return names.count >= rules.perService ? .limitReached(rules.perService) : .offered
    }

    private func service(named name: String, for caller: Caller) throws(CatalogError) -> Service {
        let found = try use.catalogs.require().services.first { $0.systemName == name }
        guard let found, sessions.policy.shows(found, to: caller) else { throw .noSuchService(wasDeleted: false) }
        return found
    }

    // MARK: Getting a key

    /// `GET /services/{system_name}/key`.
    package func keyForm(_ context: PageContext) async throws -> Response {
        try await signedIn(context) { session in
            let service = try service(named: context.parameters[0], for: session.caller)
            let wanted = try FormValues.query(context.request)["plan_id"]
            let plans = await plans(of: service, for: session.caller)
            let form = getKey(service, plans, selected: wanted)
            return pages.page(ConfirmView(action: .getKey(form), gatewayDelaySeconds: rules.gatewayDelay), context)
        }
    }

    /// `POST /services/{system_name}/key`.
    package func makeKey(_ context: PageContext) async throws -> Response {
        try await changed(context, page: PortalPath.getKey(context.parameters[0])) { session, form in
            let service = try service(named: context.parameters[0], for: session.caller)
            let name = form["name"] ?? KeyName.standard.description
            var details: [FieldIssue] = []
            let note = KeyChangeBody.note(form["note"].map { .string($0) }, &details)
            try JSONBody.check(details)
            guard let keyName = KeyName(name) else {
                let plans = await plans(of: service, for: session.caller)
                var again = getKey(service, plans, selected: form["plan_id"])
                again.name = name
                again.note = note ?? ""
                again.nameError = true
                let view = ConfirmView(action: .getKey(again), gatewayDelaySeconds: rules.gatewayDelay)
                return pages.page(view, context, status: .badRequest)
            }
            let wish = MakeKeys.Wish(
                serviceID: service.id, planID: try InitBody.planNumber(form["plan_id"]), name: keyName, expiresIn: nil,
                note: note)
            let made = try await use.make.create(wish, for: session.caller)
            let notice: PortalNotice =
                !made.isNew ? .existing : made.item.key.state == .pending ? .pending : .created
            return await shown(made, notice, session.caller, context)
        }
    }

    private func getKey(_ service: Service, _ plans: [PlanColumn], selected: String?) -> ConfirmView.GetKey {
        var form = ConfirmView.GetKey(
            serviceName: service.name, serviceSystemName: service.systemName, plans: plans,
            selected: selected ?? (plans.first(where: \.isDefault) ?? plans.first)?.id)
        form.expiresAt = rules.lifetimeDefault.map { pages.now() + $0 }
        return form
    }

    /// The key that a form has made. Where only the call that makes a key answers its secret, that is this one, and there is no
    /// redirect that could carry it.
    private func shown(
        _ made: MakeKeys.Made, _ notice: PortalNotice, _ caller: Caller, _ context: PageContext
    ) async -> Response {
        if rules.showsOnce, made.isNew, let revealed = made.secret.flatMap({ RevealedCredentials($0) }) {
            return await page(of: made.item, caller, context, revealed: revealed)
        }
        return PageAnswers.redirect(
            to: PortalPath.key(String(made.item.key.application.id)) + "?done=\(notice.rawValue)")
    }

    // MARK: Keys

    /// `GET /keys`.
    package func keys(_ context: PageContext) async throws -> Response {
        try await signedIn(context) { session in
            do {
                let found = try await use.find.list(.init(limit: Self.keysMax), for: session.caller)
                return pages.page(KeysView(keys: found.items.map { KeyRow($0) }), context)
            } catch {
                let known = ErrorAnswers.helperError(error)
                return pages.page(
                    KeysView(keys: [], failure: PortalFailure(known)), context,
                    status: ErrorResponse.status(for: known.code))
            }
        }
    }

    /// `GET /keys/{id}`.
    package func key(_ context: PageContext) async throws -> Response {
        try await signedIn(context) { session in
            let item = try await use.find.one(try Self.id(context), for: session.caller)
            return await page(of: item, session.caller, context)
        }
    }

    private func page(
        of item: FindKeys.Item, _ caller: Caller, _ context: PageContext, revealed: RevealedCredentials? = nil,
        verdict: TestKey.Result? = nil
    ) async -> Response {
        var limits: [LimitUse]?
        if let offered = try? await use.findService.plans(of: item.service.id, for: caller) {
            limits = offered.first { $0.plan.id == item.key.application.plan.id }?.limits.map {
                LimitUse(metric: $0.metric, period: $0.period, value: $0.value)
            }
        }
        var access = ServiceAccess(item.service)
        access.modelIDs = verdict?.verdict.models ?? []
        let view = KeyView(
            key: KeyRow(item), access: access, limits: limits,
            usage: await usage(of: item, caller, context),
            verdict: verdict.map { TestVerdict($0) }, revealed: revealed, canReveal: !rules.showsOnce)
        return pages.page(view, context)
    }

    /// The key's usage in the steps that the query names: by day, the last 30, where it names none.
    private func usage(of item: FindKeys.Item, _ caller: Caller, _ context: PageContext) async -> KeyView.Usage {
        do {
            let named = try FormValues.query(context.request)["granularity"]
            let period = try UsagePeriod(
                named.flatMap { UsagePeriod.Granularity(rawValue: $0) } ?? .day, since: nil, until: nil,
                now: pages.now())
            let result = try await use.readUsage(item.key.application.id, in: period, for: caller)
            return .series(result.usage.counts.map { UsageSeries($0, period) })
        } catch {
            return .failed(PortalFailure(ErrorAnswers.helperError(error)))
        }
    }

    /// `POST /keys/{id}/reveal`. The answer may be kept nowhere, and going back to it asks the browser to send the form again.
    package func reveal(_ context: PageContext) async throws -> Response {
        try await changed(context, page: PortalPath.key(context.parameters[0])) { session, form in
            let revealed = try await use.change.reveal(try Self.id(context), for: session.caller)
            guard form["view"] == "service" else {
                return await page(
                    of: revealed.item, session.caller, context, revealed: RevealedCredentials(revealed.secret))
            }
            let service = revealed.item.service
            let found = try? await use.find.list(.init(service: service.id, limit: Self.keysMax), for: session.caller)
            return await page(of: service, keys: found?.items, session.caller, context, revealed: revealed)
        }
    }

    /// `POST /keys/{id}/test`.
    package func test(_ context: PageContext) async throws -> Response {
        try await changed(context, page: PortalPath.key(context.parameters[0])) { session, _ in
            let result = try await use.test(try Self.id(context), for: session.caller)
            return await page(of: result.item, session.caller, context, verdict: result)
        }
    }

    /// `GET` of a form's target that has no page: where the form is.
    package func formPage(_ context: PageContext) async throws -> Response {
        PageAnswers.redirect(to: PortalPath.key(context.parameters[0]))
    }

    // MARK: Changes

    /// `GET /keys/{id}/rotate`.
    package func confirmRotation(_ context: PageContext) async throws -> Response {
        try await confirm(context) { .rotate($0, graceSeconds: rules.grace) }
    }

    /// `GET /keys/{id}/pause`.
    package func confirmPause(_ context: PageContext) async throws -> Response {
        try await confirm(context) { .pause($0) }
    }

    /// `GET /keys/{id}/resume`.
    package func confirmResumption(_ context: PageContext) async throws -> Response {
        try await confirm(context) { .resume($0) }
    }

    /// `GET /keys/{id}/revoke`.
    package func confirmRevocation(_ context: PageContext) async throws -> Response {
        try await confirm(context) { .revoke($0) }
    }

    private func confirm(
        _ context: PageContext, _ action: (KeyRow) -> ConfirmView.Action
    ) async throws -> Response {
        try await signedIn(context) { session in
            let item = try await use.find.one(try Self.id(context), for: session.caller)
            return pages.page(
                ConfirmView(action: action(KeyRow(item)), gatewayDelaySeconds: rules.gatewayDelay), context)
        }
    }

    /// `POST /keys/{id}/rotate`.
    package func rotate(_ context: PageContext) async throws -> Response {
        try await changed(context, page: PortalPath.key(context.parameters[0], .rotate)) { session, form in
            var grace: Int?
            if let text = form["grace_seconds"] {
                guard let seconds = ForeignNumber(text)?.within(0...rules.graceMax) else {
                    throw HelperError(
                        .invalidRequest, "The form is not as expected.",
                        details: [.init(field: "grace_seconds", issue: "must be seconds from 0 to \(rules.graceMax)")])
                }
                grace = seconds
            }
            let made = try await use.make.rotate(try Self.id(context), graceSeconds: grace, for: session.caller)
            return await shown(made, made.item.key.state == .pending ? .pending : .rotated, session.caller, context)
        }
    }

    /// `POST /keys/{id}/pause`.
    package func pause(_ context: PageContext) async throws -> Response {
        try await changed(context, page: PortalPath.key(context.parameters[0], .pause)) { session, _ in
            let item = try await use.change.pause(try Self.id(context), for: session.caller)
            return Self.done(.paused, item)
        }
    }

    /// `POST /keys/{id}/resume`.
    package func resume(_ context: PageContext) async throws -> Response {
        try await changed(context, page: PortalPath.key(context.parameters[0], .resume)) { session, _ in
            let item = try await use.change.resume(try Self.id(context), for: session.caller)
            return Self.done(.resumed, item)
        }
    }

    /// `POST /keys/{id}/revoke`.
    package func revoke(_ context: PageContext) async throws -> Response {
        try await changed(context, page: PortalPath.key(context.parameters[0], .revoke)) { session, _ in
            _ = try await use.change.revoke(try Self.id(context), for: session.caller)
            return PageAnswers.redirect(to: PortalPath.keys + "?done=\(PortalNotice.revoked.rawValue)")
        }
    }

    private static func done(_ notice: PortalNotice, _ item: FindKeys.Item) -> Response {
        PageAnswers.redirect(to: PortalPath.key(String(item.key.application.id)) + "?done=\(notice.rawValue)")
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
    private func signedIn(
        _ context: PageContext, _ work: (PortalSession) async throws -> Response
    ) async throws -> Response {
        switch context.session {
        case .active(let session): try await work(session)
        case .expired: try await signIn.renew(context.request, returningTo: Self.here(context))
        case .none, .ended: try await signIn.begin(context.request, returningTo: Self.here(context))
        }
    }

    /// A form that changes something. One whose session must be renewed changes nothing: its owner is sent back to its page, by way
    /// of Keycloak.
    /// - Parameter page: where the form is.
    private func changed(
        _ context: PageContext, page: String, _ work: (PortalSession, FormValues) async throws -> Response
    ) async throws -> Response {
        guard case .active(let session) = context.session else {
            guard SameOrigin.sent(context.request, origin: sessions.site.origin) else { throw PortalForm.foreign }
            return PageAnswers.redirect(to: page)
        }
        return try await work(session, try PortalForm.check(context.request, session, sessions.site))
    }

    private static func here(_ context: PageContext) -> ReturnPath {
        let query = context.request.query.map { "?\($0)" } ?? ""
        return ReturnPath(context.request.path + query) ?? ReturnPath(context.request.path) ?? .home
    }

    private static func id(_ context: PageContext) throws(KeyError) -> Int {
        guard let id = ForeignNumber.canonical(context.parameters[0]) else { throw .notFound }
        return id
    }

    private static func seconds(_ age: Duration?) -> Int? { age.map { Int($0.components.seconds) } }
}
