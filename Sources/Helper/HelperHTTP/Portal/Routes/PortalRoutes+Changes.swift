import Bytes
package import HTTPServer
import HelperCore
import JSON

/// The changes of an API key: each has a page that says what will happen, and a form.
extension PortalRoutes {
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

    func confirmation(_ action: ConfirmView.Action, _ context: PageContext) -> Response {
        pages.page(
            ConfirmView(action: action, gatewayDelaySeconds: rules.gatewayDelay), context, staleSeconds: staleSeconds)
    }

    private func confirm(
        _ context: PageContext, _ action: (KeyRow) -> ConfirmView.Action
    ) async throws -> Response {
        try await signedIn(context) { session in
            let item = try await use.find.one(try Self.id(context), for: session.caller)
            return confirmation(action(KeyRow(item)), context)
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

    // MARK: Plan

    /// The plans that the key can change to: none that needs an approval.
    static func otherPlans(of item: FindKeys.Item) -> [Plan] {
        item.service.plans.filter { $0.isOffered && !$0.needsApproval && $0.id != item.key.application.plan.id }
    }

    /// `GET /keys/{id}/plan`.
    package func confirmPlan(_ context: PageContext) async throws -> Response {
        try await signedIn(context) { session in
            let item = try await use.find.one(try Self.id(context), for: session.caller)
            let others = Set(Self.otherPlans(of: item).map { String($0.id) })
            let columns = await plans(of: item.service, for: session.caller).filter { others.contains($0.id) }
            return confirmation(
                .changePlan(KeyRow(item), plans: columns, selected: try FormValues.query(context.request)["plan_id"]),
                context)
        }
    }

    /// `POST /keys/{id}/plan`.
    package func changePlan(_ context: PageContext) async throws -> Response {
        try await changed(context, page: PortalPath.key(context.parameters[0], .plan)) { session, form in
            guard let plan = try InitBody.planNumber(form["plan_id"]) else {
                throw HelperError(
                    .invalidRequest, "The form is not as expected.",
                    details: [.init(field: "plan_id", issue: "is missing")])
            }
            let item = try await use.change.changePlan(of: try Self.id(context), to: plan, for: session.caller)
            return Self.done(.planChanged, item)
        }
    }

    // MARK: Note and end

    /// `GET /keys/{id}/edit`.
    package func edit(_ context: PageContext) async throws -> Response {
        try await confirm(context) { .edit($0, lifetimes: lifetimes, mayLastForEver: rules.lifetimeMax == nil) }
    }

    /// `POST /keys/{id}/edit`.
    package func saveEdit(_ context: PageContext) async throws -> Response {
        try await changed(context, page: PortalPath.key(context.parameters[0], .edit)) { session, form in
            var details: [FieldIssue] = []
            var changes = ChangeKeys.Changes()
            changes.note = KeyChangeBody.note(form["note"].map { .string($0) }, &details) ?? ""
            switch form["ends"] {
            case nil, "as-is": break
            case "never": changes.expiry = .never
            case let text?:
                if let days = ForeignNumber(text)?.within(1...Self.daysMax) {
                    changes.expiry = .after(days * 86_400)
                } else {
                    let issue = "must be as-is, never, or days from 1 to \(Self.daysMax)"
                    details.append(.init(field: "ends", issue: issue))
                }
            }
            try JSONBody.check(details)
            return Self.done(.changed, try await use.change.change(try Self.id(context), changes, for: session.caller))
        }
    }

    /// As many as the API takes.
    private static let daysMax = 36_500

    /// The lives in days that the form offers.
    private var lifetimes: [Int] {
        [7, 30, 90, 365].filter { days in rules.lifetimeMax.map { days * 86_400 <= $0 } ?? true }
    }

    private static func done(_ notice: PortalNotice, _ item: FindKeys.Item) -> Response {
        PageAnswers.redirect(to: PortalPath.key(String(item.key.application.id)) + "?done=\(notice.rawValue)")
    }
}
