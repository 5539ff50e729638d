package import HTTPServer
import HelperCore

/// The list of the caller's API keys and the page of each, with its secret or the result of a test.
extension PortalRoutes {
    /// `GET /keys`.
    package func keys(_ context: PageContext) async throws -> Response {
        try await signedIn(context) { session in
            do {
                let found = try await use.find.list(Self.every(), for: session.caller)
                return pages.page(KeysView(keys: found.items.map { KeyRow($0) }), context, staleSeconds: staleSeconds)
            } catch {
                let known = ErrorAnswers.helperError(error)
                return pages.page(
                    KeysView(keys: [], failure: PortalFailure(known)), context,
                    status: ErrorResponse.status(for: known.code), staleSeconds: staleSeconds)
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

    func page(
        of item: FindKeys.Item, _ caller: Caller, _ context: PageContext, revealed: RevealedCredentials? = nil,
        verdict: TestKey.Result? = nil
    ) async -> Response {
        let offered = try? await use.findService.plans(of: item.service.id, for: caller)
        let limits = offered?.first { $0.plan.id == item.key.application.plan.id }?.limits
        let view = KeyView(
            key: KeyRow(item), access: access(to: item.service), limits: limits,
            usage: await usage(of: item, caller, context),
            verdict: verdict.map { TestVerdict($0, gatewayDelaySeconds: rules.gatewayDelay) }, revealed: revealed,
            canReveal: !rules.showsOnce,
            canChangePlan: !Self.otherPlans(of: item).isEmpty)
        return pages.page(view, context, staleSeconds: staleSeconds)
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
            let keys = await found(Self.every(of: service), for: session.caller)
            return await page(of: service, keys: keys, session.caller, context, revealed: revealed)
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
}
