import Testing

@testable import HelperHTTP

@Suite("Portal texts")
struct PortalTextTests {
    private func placeholders(_ text: some StringProtocol) -> Set<String> {
        Set(String(text).components(between: "{", and: "}"))
    }

    @Test("every language has every text, with the placeholders and the plural forms of the English one")
    func complete() {
        for message in PortalMessage.allCases {
            let english = PortalTexts.template(message, .en)
            for locale in PortalLocale.allCases {
                let text = PortalTexts.template(message, locale)
                #expect(!text.isEmpty && !text.hasPrefix(" ") && !text.hasSuffix(" "), "\(message) \(locale)")
                let forms = text.split(separator: "|", omittingEmptySubsequences: false)
                #expect(forms.count == english.split(separator: "|").count, "\(message) \(locale)")
                for form in forms { #expect(placeholders(form) == placeholders(english), "\(message) \(locale)") }
            }
        }
    }

    @Test("a longer text differs between languages")
    func translated() {
        for message in PortalMessage.allCases {
            let texts = PortalLocale.allCases.map { PortalTexts.template(message, $0) }
            guard texts[0].count > 15 else { continue }
            #expect(Set(texts).count >= 3, "\(message)")
        }
    }

    @Test(
        "a count chooses the form of its language",
        arguments: [
            (PortalLocale.en, 0, "0 services"), (.en, 1, "1 service"), (.en, 2, "2 services"),
            (.en, 1234, "1,234 services"),
            (.de, 0, "0 Dienste"), (.de, 1, "1 Dienst"), (.de, 12345, "12.345 Dienste"), (.fr, 0, "0 service"),
            (.fr, 1, "1 service"), (.fr, 2, "2 services"), (.fr, 1234, "1\u{202F}234 services"),
            (.es, 0, "0 servicios"),
            (.es, 1, "1 servicio"), (.es, 1234, "1234 servicios"), (.es, 12345, "12.345 servicios"),
        ])
    func plurals(locale: PortalLocale, count: Int, expected: String) {
        #expect(PortalTexts(locale: locale)(.serviceCount, count: count) == expected)
    }

    @Test(
        "dates have the form of the language",
        arguments: [
            (PortalLocale.en, "2 March 2026", "1 April 2026"), (.de, "2. März 2026", "1. April 2026"),
            (.fr, "2 mars 2026", "1er avril 2026"), (.es, "2 de marzo de 2026", "1 de abril de 2026"),
        ])
    func dates(locale: PortalLocale, march: String, april: String) {
        let texts = PortalTexts(locale: locale)
        #expect(texts.date(1_772_443_503) == march)
        #expect(texts.date("2026-04-01") == april)
        #expect(texts.dateAndTime(1_772_443_503) == march + ", 09:25 UTC")
        for month in 1...12 { #expect(!texts.date("2026-\(month < 10 ? "0" : "")\(month)-15").contains("-")) }
    }

    @Test("no time traps, and what is no date stays as it is", arguments: [Int.min, -1, 0, Int.max])
    func times(seconds: Int) {
        for locale in PortalLocale.allCases {
            let texts = PortalTexts(locale: locale)
            #expect(!texts.dateAndTime(seconds).isEmpty)
            #expect(!texts.duration(seconds).isEmpty)
            #expect(!texts.number(seconds).isEmpty)
        }
        let texts = PortalTexts(locale: .en)
        for text in ["", "yesterday", "2026-13-01", "2026-00-10", "2026-01-32", "a-b-c", "2026-1-99999999999999999999"]
        {
            #expect(texts.date(text) == text)
        }
    }

    @Test(
        "a duration is in its largest unit that says enough",
        arguments: [
            (PortalLocale.en, 1, "1 second"), (.en, 60, "60 seconds"), (.en, 90, "2 minutes"),
            (.en, 3600, "60 minutes"),
            (.en, 5400, "2 hours"), (.en, 86_400, "24 hours"), (.en, 172_800, "2 days"), (.de, 604_800, "7 Tage"),
            (.fr, 3600, "60 minutes"), (.es, 604_800, "7 días"),
        ])
    func durations(locale: PortalLocale, seconds: Int, expected: String) {
        #expect(PortalTexts(locale: locale).duration(seconds) == expected)
    }

    @Test("German writes days after a preposition in another case")
    func cases() {
        #expect(PortalTexts(locale: .de).duration(604_800, followsPreposition: true) == "7 Tagen")
    }

    @Test("a value is not read for placeholders again")
    func values() {
        let texts = PortalTexts(locale: .en)
        #expect(texts(.servicesNoMatch, ["query": "{query}|{count}"]) == "No service matches “{query}|{count}”.")
        #expect(texts.html(.snippetsHidden, ["placeholder": "<b>\("<")</b>"]).markup.contains("<b>&lt;</b>"))
    }

    @Test(
        "the language is the chosen one, else the best that is known",
        arguments: [
            (nil, nil, PortalLocale.en), ("de", "fr", .de), ("xx", "fr", .fr), (nil, "de-AT,de;q=0.9,en;q=0.8", .de),
            (nil, "en;q=0.5, es;q=0.7", .es), (nil, "it, fr;q=0", .en), (nil, "*", .en), (nil, "FR-ca", .fr),
            (nil, "de;q=2, es;q=0.1", .es), (nil, "de;q=, es", .es), (nil, ",,;;q=1,-,es", .es),
            ("", "de ; q=1.000", .de),
        ] as [(String?, String?, PortalLocale)])
    func locale(chosen: String?, accepted: String?, expected: PortalLocale) {
        #expect(PortalLocale(chosen: chosen, acceptLanguage: accepted) == expected)
    }

    @Test("a path holds any text as one segment")
    func paths() {
        #expect(PortalPath.service("a b/é?#") == "/services/a%20b%2F%C3%A9%3F%23")
        #expect(PortalPath.service("..") == "/services/%2E%2E")
        #expect(PortalPath.key("31", .rotate) == "/keys/31/rotate")
    }
}
