import HTTP
import HTTPServer
import HelperCore
import Testing

@testable import HelperHTTP

@Suite("Portal pages")
struct PortalPageTests {
    private func markup(_ entry: PortalGallery.Entry, _ locale: PortalLocale = .en) -> String {
        var page = entry.page
        page.locale = locale
        return entry.view.render(in: page).markup
    }

    // MARK: Every page

    @Test(
        "every page and state has landmarks, one heading of the first level and a language",
        arguments: PortalLocale.allCases)
    func structure(locale: PortalLocale) {
        for entry in PortalGallery.entries {
            let markup = markup(entry, locale)
            for part in [
                "<!doctype html>\n<html lang=\"\(locale.rawValue)\">", "<main id=\"main\"", "</main>", "<header",
                "<footer",
                "href=\"#main\"", "<title>", "name=\"viewport\"",
            ] { #expect(markup.contains(part), "\(entry): \(part)") }
            #expect(markup.count(of: "<h1>") == 1, "\(entry)")
            // Snippets have braces of their own.
            let isCode = entry.name.hasPrefix("service")
            #expect(isCode || !markup.contains("{"), "\(entry): a placeholder without a value")
        }
    }

    @Test("no page has an inline script, an inline style, an event handler or anything from elsewhere")
    func policy() {
        for entry in PortalGallery.entries {
            let tags = Tags(markup(entry))
            for tag in tags.all {
                #expect(tag.attributes["style"] == nil, "\(entry): \(tag.name)")
                #expect(!tag.attributes.keys.contains { $0.hasPrefix("on") }, "\(entry): \(tag.name)")
                #expect(tag.name != "style" && tag.name != "img" && tag.name != "iframe", "\(entry)")
                if tag.name == "script" { #expect(tag.attributes["src"]?.hasPrefix("/assets/") == true, "\(entry)") }
                if tag.name == "link" { #expect(tag.attributes["href"]?.hasPrefix("/assets/") == true, "\(entry)") }
            }
        }
    }

    @Test("every form that is posted carries the token against forged requests, and every field has a label")
    func forms() {
        for entry in PortalGallery.entries {
            let markup = markup(entry)
            let tags = Tags(markup).all
            for form in markup.components(between: "<form method=\"post\"", and: "</form>") {
                #expect(form.contains("name=\"csrf\" value=\"csrf-token\""), "\(entry)")
            }
            #expect(!tags.contains { $0.name == "form" && $0.attributes["method"] == nil }, "\(entry)")
            let labels = Set(tags.filter { $0.name == "label" }.compactMap { $0.attributes["for"] })
            for input in tags where input.name == "input" {
                guard let type = input.attributes["type"], type != "hidden", type != "radio" else { continue }
                #expect(labels.contains(input.attributes["id"] ?? ""), "\(entry): \(input.attributes)")
            }
        }
    }

    @Test("ids are unique, and what refers to one finds it")
    func ids() {
        for entry in PortalGallery.entries {
            let tags = Tags(markup(entry)).all
            let ids = tags.compactMap { $0.attributes["id"] }
            #expect(Set(ids).count == ids.count, "\(entry)")
            for tag in tags {
                for name in ["aria-labelledby", "aria-describedby", "data-copy", "for"] {
                    guard let target = tag.attributes[name] else { continue }
                    #expect(ids.contains(target), "\(entry): \(name)=\(target)")
                }
            }
        }
    }

    @Test("elements are closed in order")
    func nesting() {
        for entry in PortalGallery.entries { #expect(Tags(markup(entry)).unclosed == [], "\(entry)") }
    }

    // MARK: Hostile text

    static let hostile = [
        "<script>alert(1)</script>", "\"><script>alert(1)</script>", "' onmouseover='alert(1)",
        "</title><script>x</script>",
        "[a](javascript:alert(1))", "<img src=x onerror=alert(1)>", "javascript:alert(1)", "{query}", "a|b",
        "\u{202E}abc",
        "-->", "&lt;script&gt;", "../../me", "//evil.example", "\\\\evil.example",
    ]

    @Test("text of others stays text on every page", arguments: hostile)
    func hostileText(text: String) {
        for view in hostileViews(text) {
            var page = PortalGallery.page
            page.requestID = text
            page.csrfToken = text
            page.signedInAs = text
            page.path = ReturnPath(text) ?? .home
            let tags = Tags(view.render(in: page).markup)
            for tag in tags.all {
                #expect(tag.attributes["style"] == nil && tag.name != "img")
                #expect(!tag.attributes.keys.contains { $0.hasPrefix("on") }, "\(view): \(tag)")
                if tag.name == "script" { #expect(tag.attributes["src"]?.hasPrefix("/assets/") == true) }
                for name in ["href", "action", "src"] {
                    guard let url = tag.attributes[name] else { continue }
                    let isSkip = url == "#main"
                    #expect(isSkip || (url.hasPrefix("/") && !url.hasPrefix("//") && !url.hasPrefix("/\\")), "\(url)")
                    #expect(!url.contains("/../"), "\(url)")
                }
            }
            #expect(tags.unclosed == [])
        }
    }

    private func hostileViews(_ text: String) -> [any PortalView] {
        let key = KeyRow(
            id: text, name: text, note: text, serviceName: text, serviceSystemName: text, state: .live, planName: text,
            hint: text, fingerprint: text, lastUsedOn: text, replaces: text)
        let limit = PlanLimit(metric: text, period: text, value: 1)
        let plans = [PlanColumn(id: text, name: text, limits: [limit])]
        let access = ServiceAccess(
            endpoint: text, authentication: .appIDAndKey,
            placement: CredentialsPlacement(location: .headers, parameter: text, idParameter: text), modelIDs: [text])
        let service = ServiceRow(
            systemName: text, name: text, description: text, keyState: .live, planName: text)
        let secret = RevealedCredentials(secret: text, id: text)
        let getKey = ConfirmView.GetKey(
            serviceName: text, serviceSystemName: text, plans: plans, selected: text, name: text, note: text,
            nameError: true)
        let usage = UsageSeries(metric: text, points: [.init(time: 0, value: 1)], total: 1)
        return [
            SignedOutView(returnTo: text), ServicesView(services: [service], total: 1, query: text),
            ServicesView(services: [], total: 1, query: text),
            ServiceView(
                systemName: text, name: text, description: text, access: access, plans: plans,
                keys: .success([key]),
                revealed: secret, snippetKeyID: text),
            KeysView(keys: [key]),
            KeyView(
                key: key, access: access, limits: [limit],
                usage: .series([usage]), verdict: TestVerdict(verdict: .works, modelIDs: [text]), revealed: secret),
            ConfirmView(action: .getKey(getKey)), ConfirmView(action: .revoke(key)),
            ConfirmView(action: .changePlan(key, plans: plans, selected: text)),
            MeView(username: text, email: text, issuer: text, subject: text, roles: [text], serverURL: text),
            CommandLineView(serverURL: text),
            FailureView(failure: PortalFailure(code: text, status: 418), details: [text]),
        ]
    }

    // MARK: Single pages

    @Test("a secret stands only where it was revealed")
    func secrets() {
        let secret = "4f0c7be2d1a94e0f8c1f7d3b0a6e5c41"
        #expect(!PortalGallery.service().render(in: PortalGallery.page).markup.contains(secret))
        let revealed = PortalGallery.service(revealed: RevealedCredentials(secret: secret))
        #expect(revealed.render(in: PortalGallery.page).markup.count(of: secret) >= Snippet.Language.allCases.count)
    }

    @Test("while 3scale is away the page says how old it is, and what would change something is off")
    func stale() {
        let views: [any PortalView] = [
            PortalGallery.service(), PortalGallery.keyView(), PortalGallery.confirm(.revoke(PortalGallery.key)),
        ]
        for view in views {
            let markup = view.render(in: PortalGallery.stale).markup
            #expect(markup.contains("known 5 minutes ago"))
            for form in markup.components(between: "<form method=\"post\"", and: "</form>")
            where !form.contains("/logout") {
                #expect(form.contains(" disabled>"), "\(form)")
            }
            for tag in Tags(markup).all where tag.name == "a" && tag.attributes["class"]?.hasPrefix("button") == true {
                let changes = ["/rotate", "/pause", "/revoke", "/plan", "/key"].contains {
                    tag.attributes["href"]?.hasSuffix($0) == true
                }
                #expect(!changes, "\(tag)")
            }
        }
    }

    @Test("a key offers the changes that its state allows", arguments: KeyState.allCases)
    func actions(state: KeyState) {
        let markup = PortalGallery.keyView(PortalGallery.key(state)).render(in: PortalGallery.page).markup
        let offered = ["rotate", "pause", "resume", "plan", "revoke"].filter { markup.contains("/keys/31/\($0)\"") }
        let expected: [KeyState: [String]] = [
            .live: ["rotate", "pause", "plan", "revoke"], .pending: ["revoke"], .paused: ["resume", "revoke"],
            .suspended: [], .retiring: ["pause", "revoke"], .expired: ["revoke"],
        ]
        #expect(offered == expected[state])
    }

    @Test("a test that a stopped key passes is a warning", arguments: KeyState.allCases)
    func stoppedKeyTested(state: KeyState) {
        let verdict = TestVerdict(verdict: .works, state: state, gatewayDelaySeconds: 120)
        let markup = PortalGallery.keyView(PortalGallery.key(state), verdict: verdict)
            .render(in: PortalGallery.page).markup
        let works = state == .live || state == .retiring
        #expect(markup.contains("It works.") == works)
        #expect(markup.contains("<p class=\"note good\" role=\"status\">It works.") == works)
        #expect(markup.contains("may pass for up to 2 minutes") == !works)
    }

    @Test("French has a space before a colon")
    func colons() {
        let texts = PortalTexts(locale: .fr)
        for entry in PortalGallery.entries {
            let markup = markup(entry, .fr)
            let labels: [PortalMessage] = [
                .requestID, .ends, .whoseFault, .whatToDo, .authentication, .approval, .metricHits,
            ]
            for label in labels { #expect(!markup.contains(texts(label) + ":"), "\(entry): \(label)") }
            #expect(markup.contains(texts(.requestID) + "\u{A0}:"), "\(entry)")
        }
    }

    @Test("the list of services has words for every count that the script may show")
    func counts() {
        let view = ServicesView(services: PortalGallery.services, total: 3)
        let count = Tags(view.render(in: PortalGallery.page).markup).all.first { $0.attributes["data-count"] != nil }
        #expect(count?.attributes["data-all"] == "3 services")
        #expect(count?.attributes["data-one"] == "# of 3 matches")
        #expect(count?.attributes["data-other"] == "# of 3 match")
    }

    @Test("no text of a stop says that it happens at once")
    func stops() {
        let actions: [ConfirmView.Action] = [.pause(PortalGallery.key), .revoke(PortalGallery.key)]
        for action in actions {
            let markup = ConfirmView(action: action, gatewayDelaySeconds: 120).render(in: PortalGallery.page).markup
            #expect(markup.contains("up to 2 minutes"))
        }
    }

    @Test("the chosen plan is checked, else the default")
    func plans() {
        func checked(_ selected: String?) -> [String?] {
            let view = ConfirmView(
                action: .changePlan(PortalGallery.key, plans: PortalGallery.plans, selected: selected))
            return Tags(view.render(in: PortalGallery.page).markup).all.filter { $0.attributes["checked"] != nil }
                .map { $0.attributes["value"] }
        }
        #expect(checked("44") == ["44"])
        #expect(checked(nil) == ["41"])
        #expect(checked("99") == ["41"])
    }

    @Test("a chart keeps to its frame whatever the numbers")
    func chart() {
        let series = UsageSeries(
            metric: "hits", points: [0, 1, .max, -5, 7].enumerated().map { .init(time: $0 * 86_400, value: $1) },
            total: 9)
        let markup = UsageChart(series: series, id: "u").figure(in: PortalGallery.page).markup
        let bars = Tags(markup).all.filter { $0.name == "rect" }
        #expect(bars.map { $0.attributes["height"] } == ["1", "100", "1"])
        #expect(markup.contains("9,223,372,036,854,775,807"))
    }

    @Test("the language links keep the page, and lead nowhere else")
    func languageLinks() async throws {
        let api = await TestAPI()
        func path(_ target: String) throws -> String {
            PortalPage(path: PageAnswers.path(of: try api.request("GET", target))).path(in: .de)
        }
        #expect(try path("/") == "/?lang=de")
        #expect(try path("/keys/3?granularity=day&lang=fr&done=paused") == "/keys/3?granularity=day&lang=de")
        for hostile in ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:x", ""] {
            #expect(ReturnPath(hostile) == nil)
        }
    }

    @Test(
        "every code has words for what happened, where the fault lies and what to do",
        arguments: HelperError.Code.allCases)
    func failures(code: HelperError.Code) {
        let status = ErrorResponse.status(for: code).code
        let markup = FailureView(failure: PortalFailure(code: code.rawValue, status: status))
            .render(in: PortalGallery.page).markup
        for part in [
            "What happened", "Where the fault lies", "What to do", PortalGallery.page.requestID, code.rawValue,
        ] {
            #expect(markup.contains(part))
        }
        #expect(markup.contains("href=\"/login?as=other\"") == (code == .forbidden))
        let blamesHelper = markup.contains("In this site.")
        #expect(!blamesHelper || status >= 500)
        #expect(!markup.contains("In 3scale, the") || status >= 409)
    }

    @Test("the first view stays below 60 KB, and the next below 20 KB")
    func weight() {
        let assets = [PortalAssets.style, PortalAssets.script, PortalAssets.icon].reduce(0) {
            $0 + $1.response.body.count
        }
        for entry in PortalGallery.entries {
            let bytes = markup(entry, .de).utf8.count
            #expect(bytes < 20_000, "\(entry): \(bytes)")
            #expect(bytes + assets < 60_000)
        }
    }
}

// MARK: Reading markup

/// The start tags of a page, read as a browser does as far as the tests need it.
struct Tags {
    struct Tag {
        let name: String
        var attributes: [String: String] = [:]
    }

    private(set) var all: [Tag] = []
    /// The elements still open at the end, and end tags without an open element.
    private(set) var unclosed: [String] = []

    private static let void: Set<String> = ["meta", "link", "input", "br", "rect"]

    init(_ markup: String) {
        var rest = Substring(markup)
        while let open = rest.firstIndex(of: "<") {
            rest = rest[rest.index(after: open)...]
            if rest.hasPrefix("!") { continue }
            let isEnd = rest.hasPrefix("/")
            if isEnd { rest = rest.dropFirst() }
            let name = String(rest.prefix { $0.isLetter || $0.isNumber })
            rest = rest.dropFirst(name.count)
            let attributes = Self.attributes(&rest)
            if isEnd {
                if unclosed.last == name { unclosed.removeLast() } else { unclosed.append("/" + name) }
            } else {
                all.append(Tag(name: name, attributes: attributes))
                if !Self.void.contains(name) { unclosed.append(name) }
            }
        }
    }

    private static func attributes(_ rest: inout Substring) -> [String: String] {
        var attributes: [String: String] = [:]
        while let character = rest.first {
            if character == ">" { break }
            if character.isWhitespace || character == "/" {
                rest = rest.dropFirst()
                continue
            }
            let name = rest.prefix { !$0.isWhitespace && !"=>/".contains($0) }
            rest = rest.dropFirst(max(1, name.count))
            guard rest.hasPrefix("=\"") else {
                attributes[name.lowercased()] = ""
                continue
            }
            let value = rest.dropFirst(2).prefix { $0 != "\"" }
            rest = rest.dropFirst(value.count + 3)
            attributes[name.lowercased()] = String(value)
        }
        return attributes
    }
}

extension String {
    func count(of part: String) -> Int { components(between: part, and: nil).count }

    /// The texts after each occurrence of `start`, up to `end` or the next occurrence.
    func components(between start: String, and end: String?) -> [String] {
        split(separator: start, omittingEmptySubsequences: false).dropFirst().map { part in
            guard let end, let first = part.split(separator: end, maxSplits: 1, omittingEmptySubsequences: false).first
            else {
                return String(part)
            }
            return String(first)
        }
    }
}
