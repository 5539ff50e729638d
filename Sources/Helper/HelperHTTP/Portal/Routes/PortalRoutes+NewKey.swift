import HTTP
package import HTTPServer
import HelperCore
import JSON

/// Getting an API key.
extension PortalRoutes {
    /// `GET /services/{system_name}/key`.
    package func keyForm(_ context: PageContext) async throws -> Response {
        try await signedIn(context) { session in
            let service = try service(named: context.parameters[0], for: session.caller)
            let wanted = try FormValues.query(context.request)["plan_id"]
            let plans = await plans(of: service, for: session.caller)
            let form = getKey(service, plans, selected: wanted)
            return confirmation(.getKey(form), context)
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
            selected: selected ?? use.make.usualPlan(of: service).map { String($0.id) })
        form.expiresAt = rules.lifetimeDefault.map { pages.now() + $0 }
        return form
    }

    /// The key that a form has made. Where only the call that makes a key answers its secret, that is this one, and there is no
    /// redirect that could carry it.
    func shown(
        _ made: MakeKeys.Made, _ notice: PortalNotice, _ caller: Caller, _ context: PageContext
    ) async -> Response {
        if rules.showsOnce, made.isNew, let revealed = made.secret.flatMap({ RevealedCredentials($0) }) {
            return await page(of: made.item, caller, context, revealed: revealed)
        }
        return PageAnswers.redirect(
            to: PortalPath.key(String(made.item.key.application.id)) + "?done=\(notice.rawValue)")
    }
}
