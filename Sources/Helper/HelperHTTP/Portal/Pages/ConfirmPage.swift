import HelperCore

extension ConfirmView: PortalView {
    var section: String? {
        if case .getKey = action { return PortalPath.home }
        return PortalPath.keys
    }

    func title(in page: PortalPage) -> String {
        let texts = page.texts
        return switch action {
        case .getKey(let get): texts(.confirmGetKey, ["service": get.serviceName])
        case .rotate(let key, _): texts(.confirmRotate, ["key": key.name])
        case .pause(let key): texts(.confirmPause, ["key": key.name])
        case .resume(let key): texts(.confirmResume, ["key": key.name])
        case .revoke(let key): texts(.confirmRevoke, ["key": key.name])
        case .changePlan(let key, _, _): texts(.confirmChangePlan, ["key": key.name])
        case .edit(let key, _, _): texts(.confirmEdit, ["key": key.name])
        }
    }

    func content(in page: PortalPage) -> HTML {
        let texts = page.texts
        let disabled: HTML = page.canChange ? "" : " disabled"
        let cancel = "<a class=\"button\" href=\"\(back)\">\(texts(.cancel))</a>" as HTML
        let button: HTML = """
            <div class="buttons"><button class="\(isDangerous ? "danger" : "primary")"\(disabled)>\(label(in: page))</button>\(cancel)</div>
            """
        return """
            \(HTML.with(key) { "<p class=\"quiet\">\($0.serviceName)\(HTML.with($0.hint) { " · <code>\($0)</code>" })</p>\n" })\
            <h2>\(texts(.whatWillHappen))</h2>
            <ul class="prose">
            \(consequences(in: page).map { "<li>\($0)</li>" as HTML })
            </ul>
            \(page.form(path, fields: fields(in: page), button: button))
            """
    }

    private var key: KeyRow? {
        switch action {
        case .getKey: nil
        case .rotate(let key, _), .pause(let key), .resume(let key), .revoke(let key), .changePlan(let key, _, _),
            .edit(let key, _, _):
            key
        }
    }

    private var isDangerous: Bool {
        if case .revoke = action { return true }
        return false
    }

    private var path: String {
        switch action {
        case .getKey(let get): PortalPath.getKey(get.serviceSystemName)
        case .rotate(let key, _): PortalPath.key(key.id, .rotate)
        case .pause(let key): PortalPath.key(key.id, .pause)
        case .resume(let key): PortalPath.key(key.id, .resume)
        case .revoke(let key): PortalPath.key(key.id, .revoke)
        case .changePlan(let key, _, _): PortalPath.key(key.id, .plan)
        case .edit(let key, _, _): PortalPath.key(key.id, .edit)
        }
    }

    private var back: String {
        if case .getKey(let get) = action { return PortalPath.service(get.serviceSystemName) }
        return key.map { PortalPath.key($0.id) } ?? PortalPath.keys
    }

    private func label(in page: PortalPage) -> String {
        let message: PortalMessage =
            switch action {
            case .getKey: .getKey
            case .rotate: .rotate
            case .pause: .pause
            case .resume: .resume
            case .revoke: .revokeButton
            case .changePlan: .changePlan
            case .edit: .save
            }
        return page.texts(message)
    }

    private func consequences(in page: PortalPage) -> [String] {
        let texts = page.texts
        let stops = texts(.stops, ["duration": texts.duration(gatewayDelaySeconds, followsPreposition: true)])
        switch action {
        case .getKey(let get):
            var lines = [texts(.getKeyMakes)]
            if get.plans.contains(where: \.needsApproval) { lines.append(texts(.getKeyApproval)) }
            if let end = get.expiresAt { lines.append(texts(.getKeyEnds, ["time": texts.dateAndTime(end)])) }
            return lines
        case .rotate(_, let grace):
            return [
                texts(.rotateMakes),
                grace > 0 ? texts(.rotateGrace, ["duration": texts.duration(grace)]) : texts(.rotateNoGrace),
            ]
        case .pause: return [stops, texts(.pauseBack)]
        case .resume: return [texts(.resumeWorks)]
        case .revoke(let key):
            return [stops] + (key.generation > 1 ? [texts(.revokeOlder)] : []) + [texts(.revokeFinal)]
        case .changePlan: return [texts(.changePlanSame)]
        case .edit: return [texts(.editSame)]
        }
    }

    // MARK: Fields

    private func fields(in page: PortalPage) -> HTML {
        switch action {
        case .getKey(let get): "\(choices(get.plans, get.selected, in: page))\(get.fields(in: page))"
        case .changePlan(_, let plans, let selected): choices(plans, selected, in: page)
        case .edit(let key, let lifetimes, let mayLastForEver):
            "\(page.noteField(key.note ?? ""))\(ends(key, lifetimes, mayLastForEver, in: page))"
        default: ""
        }
    }

    /// One option per plan. The selected one is checked, else the default, else the first.
    private func choices(_ plans: [PlanColumn], _ selected: String?, in page: PortalPage) -> HTML {
        guard !plans.isEmpty else { return "" }
        let checked = plans.first { $0.id == selected } ?? plans.first(where: \.isDefault) ?? plans.first
        let options: [HTML] = plans.map { plan in
            let mark: HTML = plan.id == checked?.id ? " checked" : ""
            return """
                <label class="option"><input type="radio" name="plan_id" value="\(plan.id)" required\(mark)>\
                <span><strong>\(plan.name)</strong>\(facts(plan, in: page))</span></label>
                """
        }
        return "\n<fieldset><legend>\(page.texts(.plan))</legend>\n\(options)\n</fieldset>\n"
    }

    /// When the key is to end: as it is, never, or in one of some lives from now on.
    private func ends(_ key: KeyRow, _ lifetimes: [Int], _ mayLastForEver: Bool, in page: PortalPage) -> HTML {
        let texts = page.texts
        let now = key.expiresAt.map { texts.dateAndTime($0) } ?? texts(.never)
        var options = [("as-is", texts(.endAsIs, ["time": now]))]
        if mayLastForEver, key.expiresAt != nil { options.append(("never", texts(.never))) }
        options += lifetimes.map { days in
            let duration = texts.duration(days * 86_400, followsPreposition: true)
            return (String(days), texts(.relativeIn, ["duration": duration]))
        }
        let items: [HTML] = options.map { value, label in
            let mark: HTML = value == "as-is" ? " checked" : ""
            return """
                <label class="option"><input type="radio" name="ends" value="\(value)"\(mark)><span>\(label)</span></label>

                """
        }
        return "<fieldset><legend>\(texts(.ends))</legend>\n\(items)</fieldset>\n"
    }

    private func facts(_ plan: PlanColumn, in page: PortalPage) -> HTML {
        let texts = page.texts
        var facts: [String] = []
        if let limits = plan.limits {
            facts = limits.map {
                "\(page.metric($0.metric))\(texts(.colon)) \(texts.number($0.value)) \(page.period($0.period))"
            }
            if limits.isEmpty { facts = [texts(.unlimited)] }
        }
        if plan.needsApproval { facts.append("\(page.labelled(.approval)) \(texts(.approvalNeeded))") }
        return "\(facts.map { "<br><span class=\"quiet\">\($0)</span>" as HTML })"
    }
}

extension ConfirmView.GetKey {
    fileprivate func fields(in page: PortalPage) -> HTML {
        let texts = page.texts
        let invalid: HTML = nameError ? " aria-invalid=\"true\" autofocus" : ""
        return """
            <div class="field"><label for="name">\(texts(.name))</label>
            <input type="text" id="name" name="name" value="\(name)" required maxlength="40" pattern="[a-z][a-z0-9\\-]*" \
            autocomplete="off" autocapitalize="off" spellcheck="false" aria-describedby="name-hint"\(invalid)>
            <p id="name-hint" class="\(nameError ? "error" : "quiet")">\(texts(nameError ? .nameError : .nameHint))</p></div>
            \(page.noteField(note))
            """
    }
}

extension PortalPage {
    /// What the owner writes down for a key.
    fileprivate func noteField(_ note: String) -> HTML {
        """
        <div class="field"><label for="note">\(texts(.noteOptional))</label>
        <input type="text" id="note" name="note" value="\(note)" maxlength="255" autocomplete="off"></div>

        """
    }
}
