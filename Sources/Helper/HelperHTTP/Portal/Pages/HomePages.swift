import Markdown

extension SignedOutView: PortalView {
    func title(in page: PortalPage) -> String { page.texts(.homeTitle) }

    func content(in page: PortalPage) -> HTML {
        let texts = page.texts
        let points: [HTML] = [
            (PortalMessage.homeWhatTitle, PortalMessage.homeWhatText), (.homeHowTitle, .homeHowText),
            (.homeWrongTitle, .homeWrongText),
        ].map { "<li class=\"card\"><h2>\(texts($0))</h2><p>\(texts($1))</p></li>" }
        let goal =
            returnTo == PortalPath.home
            ? PortalPath.login : "\(PortalPath.login)?return=\(PortalPath.encoded(returnTo))"
        return """
            \(HTML.with(reason) { "<p class=\"note \($0.look)\" role=\"status\">\(texts($0.message))</p>\n" })\
            <p class="lead">\(texts(.homeLead))</p>
            <p class="buttons"><a class="button primary" href="\(goal)">\(texts(.signIn))</a></p>
            <p class="quiet">\(texts(.homeSignInHint))</p>
            <ul class="cards">
            \(points)
            </ul>
            """
    }
}

extension SignedOutView.Reason {
    var message: PortalMessage {
        switch self {
        case .sessionEnded: .reasonSessionEnded
        case .signInFailed: .reasonSignInFailed
        case .signInCancelled: .reasonSignInCancelled
        }
    }

    fileprivate var look: String {
        switch self {
        case .sessionEnded, .signInCancelled: "warn"
        case .signInFailed: "bad"
        }
    }
}

extension ServicesView: PortalView {
    var section: String? { PortalPath.home }

    func title(in page: PortalPage) -> String { page.texts(.services) }

    func content(in page: PortalPage) -> HTML {
        if let failure { return page.missing(.servicesFailed, failure) }
        if total == 0 { return "<p class=\"note warn\">\(page.texts(.servicesEmpty))</p>" }
        return """
            <p>\(page.texts(.servicesLead))</p>
            \(HTML.with(keysFailure) { page.missing(.keysUnknown, $0) })
            \(search(in: page))
            \(found(in: page))
            """
    }

    private func search(in page: PortalPage) -> HTML {
        let all: HTML =
            query.isEmpty ? "" : "<a class=\"button\" href=\"\(PortalPath.home)\">\(page.texts(.showAll))</a>"
        return """
            <form class="search" role="search" method="get" action="\(PortalPath.home)">
            <div><label for="q">\(page.texts(.searchServices))</label>
            <input type="search" id="q" name="q" value="\(query)" maxlength="100" data-filter></div>
            <button>\(page.texts(.search))</button>\(all)
            </form>
            """
    }

    private func found(in page: PortalPage) -> HTML {
        guard !services.isEmpty else {
            return "<p class=\"note warn\">\(page.texts(.servicesNoMatch, ["query": query]))</p>"
        }
        let all = page.texts(.serviceCount, count: total)
        let values = ["total": page.texts.number(total)]
        let count = query.isEmpty ? all : page.texts(.matchCount, count: services.count, values)
        let forms = page.texts.forms(.matchCount, values)
        return """
            <p class="quiet" role="status" data-count="\(String(total))" data-all="\(all)" data-one="\(forms.one)" \
            data-other="\(forms.other)">\(count)</p>
            <ul class="cards" data-filtered>
            \(services.map { card($0, in: page) })
            </ul>
            """
    }

    private func card(_ service: ServiceRow, in page: PortalPage) -> HTML {
        let text = service.description.map { CommonMark.plainText($0, lengthMax: 160) }.flatMap {
            $0.isEmpty ? nil : $0
        }
        var end: HTML = ""
        if keysFailure == nil {
            end = service.keyState.map(page.badge) ?? "<span class=\"state\">\(page.texts(.noKey))</span>"
            if service.keyCount > 1 { end = "\(end)<span>\(page.texts(.keyCount, count: service.keyCount))</span>" }
            end = "\(end)\(HTML.with(service.planName) { "<span>\(page.texts(.planNamed, ["plan": $0]))</span>" })"
        }
        return """
            <li class="card"><h2><a href="\(PortalPath.service(service.systemName))">\(service.name)</a></h2>
            \(HTML.with(text) { "<p>\($0)</p>\n" })<p class="end">\(end)</p></li>
            """
    }
}
