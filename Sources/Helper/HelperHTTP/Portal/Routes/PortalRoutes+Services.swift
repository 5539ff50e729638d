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
            let states = (try? known.keys.get())?[service.id]
            return ServiceRow(
                systemName: service.systemName, name: service.name, description: service.description,
                keyState: states?.state, keyCount: states?.count ?? 0, planName: states?.plan)
        }
        var view = ServicesView(services: rows, total: shown.count, query: query)
        if case .failure(let failure) = known.keys { view.keysFailure = failure }
        return pages.page(view, context, staleSeconds: Self.seconds(known.staleAge))
    }

    /// What a row says of the caller's keys on one service.
    private struct KeySummary {
        var state: KeyState
        var count: Int
        var plan: String
    }

    /// The key that stands for a person's keys on one service: one that works before one that does not, then `default` before others.
    private static func foremost(_ items: [FindKeys.Item]) -> FindKeys.Item? {
        let working = items.filter(\.key.state.works)
        let candidates = working.isEmpty ? items : working
        return candidates.first { $0.key.name == .standard } ?? candidates.first
    }

    /// Every key where 3scale can be asked, else the last that is known of those named `default`, or why nothing is. What was known
    /// stands in for an answer that did not come, never for a refusal: a blocked account has keys that it may not see.
    private func keyStates(
        of caller: Caller
    ) async -> (keys: Result<[Int: KeySummary], PortalFailure>, staleAge: Duration?) {
        switch await found(Self.every(), for: caller) {
        case .success(let items):
            // The newest generation of each name comes first.
            let keys = Dictionary(grouping: items, by: \.service.id).compactMapValues { items in
                Self.foremost(items).map {
                    KeySummary(state: $0.key.state, count: items.count, plan: $0.key.application.plan.name)
                }
            }
            return (.success(keys), use.catalogs.staleAge)
        case .failure(let failure):
            guard failure.status >= 500, let list = try? await use.listServices(for: caller) else {
                return (.failure(failure), use.catalogs.staleAge)
            }
            let keys = list.keys.mapValues { KeySummary(state: KeyState($0.state), count: 1, plan: $0.plan.name) }
            return (.success(keys), list.staleAge)
        }
    }

    /// The caller's keys, or why they cannot be shown.
    func found(_ filter: FindKeys.Filter, for caller: Caller) async -> Result<[FindKeys.Item], PortalFailure> {
        do {
            return .success(try await use.find.list(filter, for: caller).items)
        } catch {
            return .failure(PortalFailure(ErrorAnswers.helperError(error)))
        }
    }

    /// `GET /services/{system_name}`.
    package func service(_ context: PageContext) async throws -> Response {
        try await signedIn(context) { session in
            let service = try service(named: context.parameters[0], for: session.caller)
            let keys = await found(Self.every(of: service), for: session.caller)
            return await page(of: service, keys: keys, session.caller, context)
        }
    }

    /// - Parameters:
    ///   - keys: the caller's, or why they could not be read.
    ///   - revealed: the key whose secret is shown.
    func page(
        of service: Service, keys: Result<[FindKeys.Item], PortalFailure>, _ caller: Caller, _ context: PageContext,
        revealed: ChangeKeys.Revealed? = nil
    ) async -> Response {
        let live = (try? keys.get()).flatMap(Self.foremost).flatMap { $0.key.state.works ? $0 : nil }
        let view = ServiceView(
            systemName: service.systemName, name: service.name, description: service.description,
            access: access(to: service), plans: await plans(of: service, for: caller),
            keys: keys.map { $0.map { KeyRow($0) } }, offer: offer(service, keys), canReveal: !rules.showsOnce,
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

    private func offer(
        _ service: Service, _ keys: Result<[FindKeys.Item], PortalFailure>
    ) -> ServiceView.KeyOffer {
        guard case .success(let keys) = keys else { return .unknown }
        guard service.isComplete else { return .unavailable }
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
