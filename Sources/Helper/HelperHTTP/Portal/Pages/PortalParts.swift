import HelperCore

// Parts that several pages have.

extension PortalPage {
    // MARK: Links and forms

    /// Whether buttons that change something work.
    var canChange: Bool { staleSeconds == nil }

    /// This page in another language.
    func path(in locale: PortalLocale) -> String {
        "\(path)\(path.description.contains("?") ? "&" : "?")lang=\(locale.rawValue)"
    }

    /// A form that changes something.
    func form(_ path: String, fields: HTML = "", button: HTML) -> HTML {
        """
        <form method="post" action="\(path)"><input type="hidden" name="csrf" value="\(csrfToken)">\(fields)\(button)</form>
        """
    }

    /// A link that looks like a button, to a page that confirms a change. Switched off while 3scale is away.
    func change(
        _ path: String, _ label: String, isPrimary: Bool = false, isSmall: Bool = false,
        describedAs description: String? = nil
    )
        -> HTML
    {
        let look = "button" + (isPrimary ? " primary" : "") + (isSmall ? " small" : "")
        let name: HTML = .with(description) { " aria-label=\"\($0)\"" }
        return canChange
            ? "<a class=\"\(look)\" href=\"\(path)\"\(name)>\(label)</a>"
            : "<a class=\"\(look)\" role=\"link\" aria-disabled=\"true\"\(name)>\(label)</a>"
    }

    /// A text with a button that copies it, which the script shows.
    func copyable(_ text: String, id: String, what: String, isSecret: Bool = false) -> HTML {
        let secret: HTML = isSecret ? " data-secret" : ""
        return "<div class=\"copyable\"><code id=\"\(id)\"\(secret)>\(text)</code>\(copyButton(id, what))</div>"
    }

    func copyButton(_ id: String, _ what: String) -> HTML {
        """
        <button type="button" class="small" hidden data-copy="\(id)" data-copied="\(texts(.copied))" \
        aria-label="\(texts(.copyNamed, ["what": what]))">\(texts(.copy))</button>
        """
    }

    // MARK: Values

    /// A time, with how far away it is when it lies ahead.
    func time(_ seconds: Int, isRelative: Bool = false) -> HTML {
        let text = texts.dateAndTime(seconds)
        guard isRelative, seconds > now, now > 0 else { return "<time>\(text)</time>" }
        let distance = texts(.relativeIn, ["duration": texts.duration(seconds - now, followsPreposition: true)])
        return "<time>\(text)</time> (\(distance))"
    }

    func badge(_ state: KeyState) -> HTML {
        let look =
            switch state {
            case .live: "good"
            case .pending, .paused, .retiring: "warn"
            case .suspended, .expired: "bad"
            }
        return "<span class=\"state \(look)\">\(texts(state.label))</span>"
    }

    /// A label in front of its value, as the language writes one.
    func labelled(_ label: PortalMessage) -> String { texts(label) + texts(.colon) }

    /// One row of a list of facts.
    func fact(_ label: PortalMessage, _ value: HTML) -> HTML { "<dt>\(texts(label))</dt><dd>\(value)</dd>\n" }

    func period(_ period: String) -> String {
        switch period {
        case "minute": texts(.perMinute)
        case "hour": texts(.perHour)
        case "day": texts(.perDay)
        case "week": texts(.perWeek)
        case "month": texts(.perMonth)
        case "year": texts(.perYear)
        case "eternity": texts(.inTotal)
        default: period
        }
    }

    /// A metric as people read it: 3scale's `hits` is every service's count of calls.
    func metric(_ name: String) -> String { name.lowercased() == "hits" ? texts(.metricHits) : name }

    /// Why a part of a page is missing, where the fault lies and what to do. The request id is at the foot of the page.
    func missing(_ message: PortalMessage, _ failure: PortalFailure? = nil) -> HTML {
        let retry: HTML = .with(failure?.retryAfterSeconds) { seconds in
            " \(texts(.retryIn, ["duration": texts.duration(max(1, seconds), followsPreposition: true)]))"
        }
        guard let failure else { return "<p class=\"note bad\" role=\"status\">\(texts(message))</p>" }
        let words = FailureWords(failure)
        return """
            <div class="note bad" role="status"><p><strong>\(texts(message))</strong> \(texts(words.what))</p>
            <p>\(labelled(.whoseFault)) \(texts(words.fault))</p>
            <p>\(labelled(.whatToDo)) \(texts(words.advice))\(retry)</p></div>
            """
    }

    /// One API key as a card of a list.
    func card(_ key: KeyRow, namesService: Bool, level: HTML) -> HTML {
        let service: HTML =
            namesService
            ? "<p><a href=\"\(PortalPath.service(key.serviceSystemName))\">\(key.serviceName)</a></p>\n" : ""
        let end = key.retiresAt.map { retires in min(retires, key.expiresAt ?? retires) } ?? key.expiresAt
        return """
            <li class="card"><h\(level)><a href="\(PortalPath.key(key.id))">\(key.name)</a></h\(level)>
            \(service)\(HTML.with(key.note) { "<p class=\"quiet\">\($0)</p>\n" })\
            \(HTML.with(key.hint) { "<p><code>\($0)</code></p>\n" })\
            \(HTML.with(end) { "<p class=\"quiet\">\(labelled(.ends)) \(time($0, isRelative: true))</p>\n" })\
            <p class="end">\(badge(key.state))\(HTML.with(key.planName) { "<span>\(texts(.planNamed, ["plan": $0]))</span>" })</p>
            </li>
            """
    }
}

extension KeyState {
    var label: PortalMessage {
        switch self {
        case .live: .stateLive
        case .pending: .statePending
        case .paused: .statePaused
        case .suspended: .stateSuspended
        case .retiring: .stateRetiring
        case .expired: .stateExpired
        }
    }

    var explanation: PortalMessage {
        switch self {
        case .live: .explainLive
        case .pending: .explainPending
        case .paused: .explainPaused
        case .suspended: .explainSuspended
        case .retiring: .explainRetiring
        case .expired: .explainExpired
        }
    }

    /// A call with the key can pass the gateway.
    var works: Bool { self == .live || self == .retiring }
}
