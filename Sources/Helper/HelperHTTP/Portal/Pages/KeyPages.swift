import HelperCore

extension KeysView: PortalView {
    var section: String? { PortalPath.keys }

    func title(in page: PortalPage) -> String { page.texts(.yourKeys) }

    func content(in page: PortalPage) -> HTML {
        if let failure { return page.missing(.keysFailed, failure) }
        guard !keys.isEmpty else {
            return """
                <p>\(page.texts(.keysEmpty))</p>
                <p class="buttons"><a class="button primary" href="\(PortalPath.home)">\(page.texts(.toServices))</a></p>
                """
        }
        return """
            <p class="quiet">\(page.texts(.keyCount, count: keys.count))</p>
            <ul class="cards">
            \(keys.map { page.card($0, namesService: true, level: "2") })
            </ul>
            """
    }
}

extension KeyView: PortalView {
    var section: String? { PortalPath.keys }

    func title(in page: PortalPage) -> String { "\(key.name) – \(key.serviceName)" }

    func content(in page: PortalPage) -> HTML {
        """
        <p>\(page.badge(key.state)) \(page.texts(key.state.explanation))</p>
        \(HTML.with(verdict) { $0.section(in: page) })\(secret(in: page))
        \(facts(in: page))
        \(actions(in: page))
        \(usageSection(in: page))
        \(limitsSection(in: page))
        """
    }

    // MARK: Secret

    private func secret(in page: PortalPage) -> HTML {
        guard let revealed else { return "" }
        var parts: [HTML] = []
        let (idLabel, secretLabel): (PortalMessage, PortalMessage) =
            switch access.authentication {
            case .apiKey: (.appID, .apiKey)
            case .appIDAndKey: (.appID, .appKey)
            case .oidc: (.clientID, .clientSecret)
            }
        if let id = revealed.id {
            parts.append("<h3>\(page.texts(idLabel))</h3>\(page.copyable(id, id: "id", what: page.texts(idLabel)))")
        }
        parts.append(
            """
            <h3>\(page.texts(secretLabel))</h3>\
            \(page.copyable(revealed.secret, id: "secret", what: page.texts(secretLabel), isSecret: true))
            """)
        return """
            <section aria-labelledby="secrets"><h2 id="secrets">\(page.texts(.apiKey))</h2>
            <p class="note warn" role="status">\(page.texts(.secretShown))</p>
            \(parts)
            <p class="buttons"><a class="button" href="\(PortalPath.key(key.id))">\(page.texts(.hide))</a></p></section>
            """
    }

    // MARK: Facts

    private func facts(in page: PortalPage) -> HTML {
        let lastUsed = key.lastUsedOn.map { "\(page.texts.date($0))" as HTML }
        return """
            <dl class="facts">
            \(page.fact(.service, "<a href=\"\(PortalPath.service(key.serviceSystemName))\">\(key.serviceName)</a>"))\
            \(HTML.with(key.planName) { page.fact(.plan, "\($0)") })\
            \(HTML.with(key.note) { page.fact(.note, "\($0)") })\
            \(HTML.with(key.hint) { page.fact(.apiKey, "<code>\($0)</code>") })\
            \(HTML.with(key.fingerprint) { page.fact(.fingerprint, "<code>\($0)</code>") })\
            \(HTML.with(key.createdAt) { page.fact(.created, page.time($0)) })\
            \(page.fact(.ends, end(in: page)))\
            \(HTML.with(lastUsed) { page.fact(.lastUsed, $0) })\
            \(page.fact(.generation, "\(page.texts.number(key.generation))"))\
            \(HTML.with(key.replaces) { page.fact(
                .replaces, "<a href=\"\(PortalPath.key($0))\">\(page.texts(.olderKey))</a>") })</dl>
            """
    }

    private func end(in page: PortalPage) -> HTML {
        let end = [key.expiresAt, key.retiresAt].compactMap(\.self).min()
        return end.map { page.time($0, isRelative: true) } ?? "\(page.texts(.never))"
    }

    // MARK: Actions

    private func actions(in page: PortalPage) -> HTML {
        var items: [HTML] = []
        let disabled: HTML = page.canChange ? "" : " disabled"
        if canReveal, revealed == nil {
            items.append(
                item(
                    page.form(
                        PortalPath.key(key.id, .reveal), button: "<button\(disabled)>\(page.texts(.reveal))</button>"),
                    nil))
        } else if !canReveal {
            items.append("<li><p>\(page.texts(.shownOnce))</p></li>")
        }
        // No request carries the secret of an OpenID Connect client.
        if key.state != .pending, access.authentication != .oidc {
            items.append(
                item(
                    page.form(
                        PortalPath.key(key.id, .test), button: "<button\(disabled)>\(page.texts(.test))</button>"),
                    page.texts(.testText)))
        }
        items += changes.map { action, label, text in
            item(page.change(PortalPath.key(key.id, action), page.texts(label)), page.texts(text))
        }
        return """
            <section aria-labelledby="actions"><h2 id="actions">\(page.texts(.actions))</h2>
            <ul class="plain">
            \(items)
            </ul></section>
            """
    }

    private func item(_ control: HTML, _ text: String?) -> HTML {
        "<li class=\"buttons\">\(control)\(HTML.with(text) { "<span>\($0)</span>" })</li>"
    }

    /// The changes that the state of the key allows.
    private var changes: [(PortalPath.KeyAction, PortalMessage, PortalMessage)] {
        var changes: [(PortalPath.KeyAction, PortalMessage, PortalMessage)] = []
        if key.state == .live {
            changes += [(.rotate, .rotate, .rotateText), (.pause, .pause, .pauseText)]
        }
        if key.state == .retiring { changes.append((.pause, .pause, .pauseText)) }
        if key.state == .paused { changes.append((.resume, .resume, .resumeText)) }
        if canChangePlan, key.state == .live { changes.append((.plan, .changePlan, .changePlanText)) }
        if key.state != .expired { changes.append((.edit, .edit, .editText)) }
        // What the operator switched off its owner cannot end.
        if key.state != .suspended { changes.append((.revoke, .revoke, .revokeText)) }
        return changes
    }

    // MARK: Usage and limits

    private func usageSection(in page: PortalPage) -> HTML {
        let content: HTML
        switch usage {
        case .failed(let failure): content = page.missing(.usageFailed, failure)
        case .series(let series):
            let shown = series.filter { !$0.points.isEmpty }
            content =
                shown.isEmpty
                ? "<p>\(page.texts(.usageEmpty))</p>"
                : "\(shown.enumerated().map { UsageChart(series: $1, id: "usage-\($0)").figure(in: page) })"
        }
        return """
            <section aria-labelledby="usage"><h2 id="usage">\(page.texts(.usage))</h2>
            \(granularities(in: page))
            \(content)</section>
            """
    }

    private func granularities(in page: PortalPage) -> HTML {
        guard case .series(let series) = usage else { return "" }
        let current = series.first?.granularity ?? .day
        let links: [HTML] = UsagePeriod.Granularity.allCases.map { granularity in
            let mark: HTML = granularity == current ? " aria-current=\"true\"" : ""
            return """
                <li><a href="\(PortalPath.key(key.id))?granularity=\(granularity.rawValue)#usage"\(mark)>\
                \(page.period(granularity.rawValue))</a></li>
                """
        }
        return """
            <nav class="choices" aria-label="\(page.texts(.granularity))"><ul>
            \(links)
            </ul></nav>
            """
    }

    private func limitsSection(in page: PortalPage) -> HTML {
        let content: HTML
        if let limits {
            content =
                limits.isEmpty
                ? "<p>\(page.texts(.unlimited))</p>"
                : "<dl class=\"facts\">\(limits.map { limit($0, in: page) })</dl>"
        } else {
            content = "<p>\(page.texts(.limitsUnknown))</p>"
        }
        return "<section aria-labelledby=\"limits\"><h2 id=\"limits\">\(page.texts(.limits))</h2>\n\(content)</section>"
    }

    private func limit(_ limit: PlanLimit, in page: PortalPage) -> HTML {
        "<dt>\(page.metric(limit.metric)) \(page.period(limit.period))</dt><dd>\(page.texts.number(limit.value))</dd>"
    }
}

// MARK: Test

extension TestVerdict {
    fileprivate func section(in page: PortalPage) -> HTML {
        let (what, advice) = words(in: page)
        let look =
            switch verdict {
            case .works: state.works ? "good" : "warn"
            case .notYet, .overLimit: "warn"
            default: "bad"
            }
        return """
            <section aria-labelledby="verdict"><h2 id="verdict">\(page.texts(.testResult))</h2>
            <p class="note \(look)" role="status">\(what)\(HTML.with(advice) { " \($0)" })</p>
            <dl class="facts">
            \(HTML.with(status) { page.fact(.httpStatus, "\(String($0))") })\
            \(HTML.with(latencyMilliseconds) { page.fact(.latency, "\(page.texts(.milliseconds, count: $0))") })\
            \(modelIDs.isEmpty ? "" : page.fact(.modelIDs, "\(modelIDs.map { "<code>\($0)</code>" as HTML })"))</dl></section>

            """
    }

    private func words(in page: PortalPage) -> (what: String, advice: String?) {
        let texts = page.texts
        return switch verdict {
        case .works where !state.works:
            (
                texts(.verdictStillWorks, ["state": texts(state.label)]),
                texts(
                    .adviceStillWorks,
                    ["duration": texts.duration(gatewayDelaySeconds, followsPreposition: true)])
            )
        case .works: (texts(.verdictWorks), nil)
        case .refused: (texts(.verdictRefused), texts(.adviceRefused))
        case .notYet: (texts(.verdictNotYet), texts(.adviceNotYet))
        case .overLimit: (texts(.verdictOverLimit), texts(.adviceOverLimit))
        case .noRoute: (texts(.verdictNoRoute), texts(.adviceNoRoute))
        case .modelError: (texts(.verdictModelError), texts(.adviceModel))
        case .unreachable: (texts(.verdictUnreachable), texts(.adviceUnreachable))
        case .untrustedCertificate: (texts(.verdictUntrusted), texts(.adviceUntrusted))
        }
    }
}
