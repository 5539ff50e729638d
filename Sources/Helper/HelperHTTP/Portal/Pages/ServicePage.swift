import HelperCore
import Markdown

extension ServiceView: PortalView {
    var section: String? { PortalPath.home }

    func title(in page: PortalPage) -> String { name }

    func content(in page: PortalPage) -> HTML {
        """
        \(about)\(getKey(in: page))
        \(access.section(in: page))
        \(ownKeys(in: page))
        \(SnippetsPart(view: self).section(in: page))
        \(PlanTable(plans: plans, service: systemName, offersKey: offer == .offered).section(in: page))
        """
    }

    /// Headings of the description stand below the page's own.
    private var about: HTML {
        .with(description.flatMap { $0.isEmpty ? nil : $0 }) { text in
            "<div class=\"prose\">\(HTML(CommonMark(text, headingsBelow: 1)))</div>\n"
        }
    }

    private func getKey(in page: PortalPage) -> HTML {
        switch offer {
        case .offered:
            "<p class=\"buttons\">\(page.change(PortalPath.getKey(systemName), page.texts(.getKey), isPrimary: hasNoKey))</p>"
        case .limitReached(let count): "<p class=\"note warn\">\(page.texts(.limitReached, count: count))</p>"
        case .noPlans: "<p class=\"note warn\">\(page.texts(.plansEmpty))</p>"
        case .unavailable: "<p class=\"note warn\" role=\"status\">\(page.texts(.keyUnavailable))</p>"
        case .unknown: "<p class=\"note warn\">\(page.texts(.keyOfferUnknown))</p>"
        }
    }

    private var hasNoKey: Bool {
        if case .success(let keys) = keys { return keys.isEmpty }
        return false
    }

    private func ownKeys(in page: PortalPage) -> HTML {
        let list: HTML =
            switch keys {
            case .success(let keys) where keys.isEmpty: "<p>\(page.texts(.yourKeysNone))</p>"
            case .success(let keys):
                "<ul class=\"cards\">\(keys.map { page.card($0, namesService: false, level: "3") })</ul>"
            case .failure(let failure): page.missing(.keysUnknown, failure)
            }
        return "<section aria-labelledby=\"keys\"><h2 id=\"keys\">\(page.texts(.yourKeys))</h2>\n\(list)</section>"
    }
}

extension ServiceAccess {
    /// Endpoint, and where the credentials stand.
    func section(in page: PortalPage) -> HTML {
        let place = placement.words(authentication, in: page)
        let address =
            endpoint.map { page.copyable($0, id: "endpoint", what: page.texts(.endpoint)) }
            ?? "<p class=\"note warn\">\(page.texts(.endpointMissing))</p>"
        return """
            <section aria-labelledby="call"><h2 id="call">\(page.texts(.endpoint))</h2>
            \(address)
            <p class="quiet">\(page.labelled(.authentication)) \(place)</p></section>
            """
    }
}

extension CredentialsPlacement {
    /// In words where a request carries its credentials.
    fileprivate func words(_ authentication: AuthenticationMethod, in page: PortalPage) -> HTML {
        let message: PortalMessage =
            switch (authentication, location) {
            case (.oidc, _): .placedAsToken
            case (.apiKey, .query): .placedInQuery
            case (.apiKey, .authorization): .placedInBasic
            case (.apiKey, .headers): .placedInHeader
            case (.appIDAndKey, .query): .placedPairInQuery
            case (.appIDAndKey, .authorization): .placedPairInBasic
            case (.appIDAndKey, .headers): .placedPairInHeader
            }
        return page.texts.html(
            message,
            ["parameter": "<code>\(parameter)</code>", "id": "<code>\(idParameter ?? "app_id")</code>"])
    }
}

/// The snippets of a service's page.
private struct SnippetsPart {
    let view: ServiceView

    func section(in page: PortalPage) -> HTML {
        let snippets = Snippet.catalogue(view.access, view.revealed)
        guard !snippets.isEmpty else { return "" }
        let model: HTML =
            view.access.modelIDs.isEmpty
            ? "<p class=\"quiet\">\(page.texts.html(.snippetsModel, ["placeholder": code(Snippet.Placeholder.model)]))</p>"
            : ""
        let needsAddress = view.access.authentication == .oidc && view.access.tokenEndpoint == nil
        let token: HTML =
            needsAddress
            ? "<p class=\"quiet\">\(page.texts.html(.snippetsToken, ["placeholder": code(Snippet.Placeholder.tokenEndpoint)]))</p>\n"
            : ""
        return """
            <section aria-labelledby="snippets"><h2 id="snippets">\(page.texts(.callIt))</h2>
            \(secret(in: page))
            \(snippets.enumerated().map { block($1, isOpen: $0 == 0, in: page) })
            \(token)\(model)</section>
            """
    }

    private func code(_ text: String) -> HTML { "<code>\(text)</code>" }

    /// Whether the secret stands in the snippets, and the button that puts it there or takes it out.
    private func secret(in page: PortalPage) -> HTML {
        let placeholder = ["placeholder": code(Snippet.Placeholder.secret)]
        if view.revealed != nil {
            return """
                <p class="note warn" role="status">\(page.texts(.snippetsShown))</p>
                <p class="buttons"><a class="button" href="\(PortalPath.service(view.systemName))">\(page.texts(.hide))</a></p>
                """
        }
        guard let id = view.snippetKeyID else {
            let message: PortalMessage =
                switch view.keys {
                case .success: .snippetsNoKey
                case .failure: .snippetsHidden
                }
            return "<p class=\"quiet\">\(page.texts.html(message, placeholder))</p>"
        }
        guard view.canReveal else {
            return "<p class=\"quiet\">\(page.texts.html(.snippetsHidden, placeholder)) \(page.texts(.shownOnce))</p>"
        }
        let disabled: HTML = page.canChange ? "" : " disabled"
        return """
            <p class="quiet">\(page.texts.html(.snippetsHidden, placeholder))</p>
            <div class="buttons">\(page.form(
                PortalPath.key(id, .reveal), fields: "<input type=\"hidden\" name=\"view\" value=\"service\">",
                button: "<button\(disabled)>\(page.texts(.reveal))</button>"))</div>
            """
    }

    private func block(_ snippet: Snippet, isOpen: Bool, in page: PortalPage) -> HTML {
        let id = "snippet-\(snippet.language.rawValue)"
        let secret: HTML = view.revealed == nil ? "" : " data-secret"
        let open: HTML = isOpen ? " open" : ""
        return """
            <details name="snippet"\(open)><summary>\(snippet.language.title)</summary><div>\
            <pre tabindex="0" role="group" aria-label="\(snippet.language.title)"><code id="\(id)"\(secret)>\(snippet.code)</code></pre>\
            \(page.copyButton(id, snippet.language.title))</div></details>
            """
    }
}

/// Plans side by side: a column each, and a row for every limit that one of them has.
struct PlanTable: Sendable {
    let plans: [PlanColumn]
    let service: String
    let offersKey: Bool

    private struct Row: Hashable {
        let metric: String
        let period: String
    }

    func section(in page: PortalPage) -> HTML {
        let texts = page.texts
        guard !plans.isEmpty else { return "" }
        let heads: [HTML] = plans.map { plan in
            let mark: HTML = plan.isDefault ? " <span class=\"state\">\(texts(.defaultPlan))</span>" : ""
            return "<th scope=\"col\">\(plan.name)\(mark)</th>"
        }
        let approvals: [HTML] = plans.map {
            "<td>\(texts($0.needsApproval ? .approvalNeeded : .approvalNotNeeded))</td>"
        }
        return """
            <section aria-labelledby="plans"><h2 id="plans">\(texts(.plansAndLimits))</h2>
            <div class="wide" tabindex="0" role="group" aria-labelledby="plans"><table>
            <thead><tr><th scope="col">\(texts(.plan))</th>\(heads)</tr></thead>
            <tbody>
            \(rows.map { row($0, in: page) })
            \(unlimited(in: page))
            <tr><th scope="row">\(texts(.approval))</th>\(approvals)</tr>
            \(offersKey ? choices(in: page) : "")
            </tbody></table></div></section>
            """
    }

    private var rows: [Row] {
        var rows: [Row] = []
        for limit in plans.flatMap({ $0.limits ?? [] }) {
            let row = Row(metric: limit.metric, period: limit.period)
            if !rows.contains(row) { rows.append(row) }
        }
        return rows
    }

    private func row(_ row: Row, in page: PortalPage) -> HTML {
        let cells: [HTML] = plans.map { plan in
            guard let limits = plan.limits else { return "<td>\(page.texts(.limitsUnknown))</td>" }
            guard let limit = limits.first(where: { $0.metric == row.metric && $0.period == row.period }) else {
                return "<td class=\"number\">\(page.texts(.unlimited))</td>"
            }
            return "<td class=\"number\">\(page.texts.number(limit.value))</td>"
        }
        return "<tr><th scope=\"row\">\(page.metric(row.metric)) \(page.period(row.period))</th>\(cells)</tr>"
    }

    /// Says so where no plan has a limit.
    private func unlimited(in page: PortalPage) -> HTML {
        guard rows.isEmpty else { return "" }
        let cells: [HTML] = plans.map { "<td>\(page.texts($0.limits == nil ? .limitsUnknown : .unlimited))</td>" }
        return "<tr><th scope=\"row\">\(page.texts(.limits))</th>\(cells)</tr>"
    }

    private func choices(in page: PortalPage) -> HTML {
        let cells: [HTML] = plans.map { plan in
            let link = page.change(
                "\(PortalPath.getKey(service))?plan_id=\(PortalPath.encoded(plan.id))", page.texts(.choose),
                isSmall: true,
                describedAs: page.texts(.getKeyOnPlan, ["plan": plan.name]))
            return "<td>\(link)</td>"
        }
        return "<tr><th scope=\"row\">\(page.texts(.getKey))</th>\(cells)</tr>"
    }
}
