package import HTTPServer
import HelperCore

/// The list of services and the page of each.
extension PortalRoutes {
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
        if let found = try? await use.find.list(Self.every(), for: caller) {
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
            let found = try? await use.find.list(Self.every(of: service), for: session.caller)
            return await page(of: service, keys: found?.items, session.caller, context)
        }
    }

    /// - Parameters:
    ///   - keys: the caller's; nil where they could not be read.
    ///   - revealed: the key whose secret is shown.
    func page(
        of service: Service, keys: [FindKeys.Item]?, _ caller: Caller, _ context: PageContext,
        revealed: ChangeKeys.Revealed? = nil
    ) async -> Response {
        let live =
            keys?.first { $0.key.state == .live && $0.key.name == .standard }
            ?? keys?.first { $0.key.state == .live || $0.key.state == .retiring }
        let view = ServiceView(
            systemName: service.systemName, name: service.name, description: service.description,
            access: access(to: service), plans: await plans(of: service, for: caller),
            keys: keys?.map { KeyRow($0) }, offer: offer(service, keys), canReveal: !rules.showsOnce,
            revealed: revealed.flatMap { RevealedCredentials($0.secret) },
            snippetKeyID: (revealed?.item ?? live).map { String($0.key.application.id) })
        return pages.page(view, context, staleSeconds: staleSeconds)
    }

    /// How a service is called, with the ids of its models where a test has listed them.
    func access(to service: Service) -> ServiceAccess {
        var access = ServiceAccess(service)
        access.modelIDs = use.test.models.known(of: service.id)
        return access
    }

    func plans(of service: Service, for caller: Caller) async -> [PlanColumn] {
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

    func service(named name: String, for caller: Caller) throws(CatalogError) -> Service {
        let found = try use.catalogs.require().services.first { $0.systemName == name }
        guard let found, sessions.policy.shows(found, to: caller) else { throw .noSuchService(wasDeleted: false) }
        return found
    }
}
