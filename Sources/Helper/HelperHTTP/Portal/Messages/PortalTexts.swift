import HTTP

/// The texts of one language, with its forms of numbers, plurals, dates and durations.
struct PortalTexts: Sendable {
    let locale: PortalLocale

    /// A text with its placeholders filled.
    func callAsFunction(_ message: PortalMessage, _ values: [String: String] = [:]) -> String {
        joined(fill(template(message, count: nil)) { values[$0] })
    }

    /// A text for a count, which also fills `{count}`.
    func callAsFunction(_ message: PortalMessage, count: Int, _ values: [String: String] = [:]) -> String {
        joined(fill(template(message, count: count)) { $0 == "count" ? number(count) : values[$0] })
    }

    /// The form for one and the form for other counts, with `#` for the count: for the script, which counts what it shows.
    func forms(_ message: PortalMessage, _ values: [String: String]) -> (one: String, other: String) {
        let values = values.merging(["count": "#"]) { $1 }
        return (
            joined(fill(template(message, count: 1)) { values[$0] }),
            joined(fill(template(message, count: 2)) { values[$0] })
        )
    }

    /// A text whose placeholders become markup.
    func html(_ message: PortalMessage, _ values: [String: HTML]) -> HTML {
        fill(template(message, count: nil)) { values[$0] }.reduce("") { whole, part in
            switch part {
            case .text(let text): "\(whole)\(text)"
            case .value(let html): "\(whole)\(html)"
            }
        }
    }

    // MARK: Templates

    /// The text as its table has it.
    static func template(_ message: PortalMessage, _ locale: PortalLocale) -> String {
        switch locale {
        case .en: message.english
        case .de: message.german
        case .fr: message.french
        case .es: message.spanish
        }
    }

    private func template(_ message: PortalMessage, count: Int?) -> Substring {
        let forms = Self.template(message, locale).split(separator: "|")
        let index = count.map(isOne) ?? true ? 0 : forms.count - 1
        return forms.indices.contains(index) ? forms[index] : ""
    }

    /// French counts nothing as one.
    private func isOne(_ count: Int) -> Bool { count == 1 || (count == 0 && locale == .fr) }

    private enum Part<Value> {
        case text(String)
        case value(Value)
    }

    private func joined(_ parts: [Part<String>]) -> String {
        parts.reduce("") { whole, part in
            switch part {
            case .text(let text), .value(let text): whole + text
            }
        }
    }

    /// The parts of a template; a placeholder without a value stays as it is.
    private func fill<Value>(_ template: Substring, _ value: (String) -> Value?) -> [Part<Value>] {
        var parts: [Part<Value>] = []
        var rest = template
        while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
            parts.append(.text(String(rest[..<open])))
            let name = String(rest[rest.index(after: open)..<close])
            parts.append(value(name).map(Part.value) ?? .text("{\(name)}"))
            rest = rest[rest.index(after: close)...]
        }
        parts.append(.text(String(rest)))
        return parts
    }

    // MARK: Numbers

    /// Digits in groups of three, as the language writes them; Spanish groups from five digits on.
    func number(_ value: Int) -> String {
        let digits = String(value.magnitude)
        let separator =
            switch locale {
            case .en: ","
            case .de, .es: "."
            case .fr: "\u{202F}"
            }
        let sign = value < 0 ? "-" : ""
        guard digits.count > (locale == .es ? 4 : 3) else { return sign + digits }
        var grouped = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { grouped += separator }
            grouped.append(digit)
        }
        return sign + grouped
    }

    // MARK: Times

    /// `2 March 2026`, for seconds since 1970.
    func date(_ seconds: Int) -> String { date(HTTPDate.timestamp(Self.shown(seconds)).prefix(10)) }

    /// `2 March 2026` of `2026-03-02`; other text stays as it is.
    func date(_ text: some StringProtocol) -> String {
        let parts = Substring(text).split(separator: "-" as Character).map(String.init)
        guard parts.count == 3, let month = Self.digits(parts[1]), let day = Self.digits(parts[2]),
            (1...12).contains(month), (1...31).contains(day), Self.digits(parts[0]) != nil
        else { return String(text) }
        let name = months[month - 1]
        return switch locale {
        case .en: "\(day) \(name) \(parts[0])"
        case .de: "\(day). \(name) \(parts[0])"
        case .fr: "\(day == 1 ? "1er" : String(day)) \(name) \(parts[0])"
        case .es: "\(day) de \(name) de \(parts[0])"
        }
    }

    /// `2 March 2026, 14:05 UTC`.
    func dateAndTime(_ seconds: Int) -> String {
        "\(date(seconds)), \(HTTPDate.timestamp(Self.shown(seconds)).dropFirst(11).prefix(5)) UTC"
    }

    /// The largest unit that fits, rounded: `45 seconds`, `3 days`.
    /// - Parameter followsPreposition: as in "in 3 days", which German writes in another case.
    func duration(_ seconds: Int, followsPreposition: Bool = false) -> String {
        let seconds = min(max(0, seconds), 1_000_000_000_000)
        return switch seconds {
        case ..<90: self(.seconds, count: seconds)
        case ..<5_400: self(.minutes, count: (seconds + 30) / 60)
        case ..<129_600: self(.hours, count: (seconds + 1_800) / 3_600)
        default: self(followsPreposition ? .daysAfterPreposition : .days, count: (seconds + 43_200) / 86_400)
        }
    }

    /// The seconds that a time may be shown for: years of four digits.
    private static func shown(_ seconds: Int) -> Int { min(max(0, seconds), 253_402_300_799) }

    /// Up to four digits as a number; nil for other text.
    private static func digits(_ text: String) -> Int? {
        guard (1...4).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return text.utf8.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }

    private var months: [String] {
        switch locale {
        case .en:
            [
                "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
                "November", "December",
            ]
        case .de:
            [
                "Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober",
                "November", "Dezember",
            ]
        case .fr:
            [
                "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre",
                "novembre", "décembre",
            ]
        case .es:
            [
                "enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre",
                "noviembre", "diciembre",
            ]
        }
    }
}

extension PortalPage {
    /// The texts of the page's language.
    var texts: PortalTexts { PortalTexts(locale: locale) }
}
