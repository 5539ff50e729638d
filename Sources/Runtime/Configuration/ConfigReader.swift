import Bytes
import FoundationEssentials

/// One thing that is wrong with the configuration.
package struct ConfigProblem: Error, Sendable, Equatable, CustomStringConvertible {
    package let key: String
    /// The expected form, and the value that was found unless it is a secret.
    package let message: String

    package init(_ key: String, _ message: String) {
        self.key = key
        self.message = message
    }

    package var description: String { "\(key): \(message)" }
}

/// A variable as it was read.
package struct ConfigEntry: Sendable, Equatable {
    package let key: String
    /// The value in force; `<redacted>` for a secret that is set, nil for nothing.
    package let effective: String?
    /// Where it comes from; nil for the default.
    package let source: String?
}

/// Reads typed values by name and keeps every problem, so that all can be told at once. Modelled on swift-configuration;
/// names are listed where they are read, never derived.
///
/// Every value goes through `find`, which trims it and refuses what no setting can hold.
package struct ConfigReader {
    private let providers: [any ConfigProvider]
    package private(set) var problems: [ConfigProblem] = []
    /// What was accepted but should be known, by the name that was set.
    package private(set) var warnings: [ConfigProblem] = []
    package private(set) var entries: [ConfigEntry] = []
    /// Every variable that was asked for, in that order.
    package private(set) var declarations: [ConfigDeclaration] = []
    private var section = ""
    private var known: Set<String> = []
    /// The alias or `_FILE` form by which a variable was set.
    private var setBy: [String: String] = [:]

    /// - Parameter providers: the first that has a value wins.
    package init(providers: [any ConfigProvider]) { self.providers = providers }

    /// Keeps a problem, under the name that was set: that of an alias or of a file where the value came from one. The
    /// value is not shown from then on, since a refused one may be a secret in the wrong place.
    package mutating func report(_ key: String, _ message: String) {
        problems.append(ConfigProblem(setBy[key] ?? key, message))
        for (index, entry) in entries.enumerated() where entry.key == key && entry.source != nil {
            entries[index] = ConfigEntry(key: key, effective: Self.refusedValue, source: entry.source)
        }
    }

    /// Keeps a warning, under the name that was set.
    package mutating func warn(_ key: String, _ message: String) {
        warnings.append(ConfigProblem(setBy[key] ?? key, message))
    }

    /// A refused text as a message may show it: in quotes, or not at all where a secret could be in it.
    package static func shown(_ text: some StringProtocol) -> String { ConfigText.refused(text) }

    /// Puts what is read from here on under a title of the reference.
    package mutating func section(_ title: String) { section = title }

    // MARK: Typed values

    // Each takes a `help` text: what the variable is for, in a sentence or two of Markdown, for the reference.

    /// - Parameter expected: what a value looks like, for the reference.
    package mutating func string(
        forKey key: String, aliases: [String] = [], default defaultValue: String? = nil, expected: String = "text",
        example: String? = nil, help: String
    ) -> String? {
        declare(key, aliases, help, expected, default: defaultValue, example: example)
        let found = find(key, aliases)
        note(key, found?.shown ?? defaultValue, found?.source)
        return found?.value ?? defaultValue
    }

    /// The URL of a proxy: `[scheme://][user:password@]host[:port]`, with the port that its scheme has by default and
    /// with user and password percent-encoded. Neither is ever shown.
    package mutating func proxy(forKey key: String, aliases: [String], help: String) -> String? {
        declare(key, aliases, help, "a URL", example: "http://proxy.example.com:3128")
        guard let found = find(key, aliases) else {
            note(key, nil, nil)
            return nil
        }
        guard let text = found.value else {
            note(key, found.shown, found.source)
            return nil
        }
        do throws(ProxyURL.Problem) {
            let proxy = try ProxyURL(text)
            note(key, proxy.shown, found.source)
            return proxy.url
        } catch {
            note(key, Self.refusedValue, found.source)
            report(key, error.description)
            return nil
        }
    }

    /// A value that must be there; a placeholder when it is not, with the problem noted.
    package mutating func requiredString(forKey key: String, example: String, help: String) -> String {
        declare(key, [], help, "text", example: example, isRequired: true)
        let found = find(key, [])
        note(key, found?.shown, found?.source)
        if found == nil { report(key, "is required, for example \(example)") }
        return found?.value ?? ""
    }

    /// A secret, from the variable or from the file that `NAME_FILE` names.
    package mutating func secret(forKey key: String, required: Bool, help: String) -> Secret? {
        declare(key, [], help, "a secret", isRequired: required, isSecret: true)
        let fileKey = key + "_FILE"
        let file = find(fileKey, [])
        let direct = find(key, [])
        if direct != nil, file != nil { report(key, "is set twice, directly and by \(fileKey): choose one") }
        var secret = direct?.value
        if direct == nil, let file {
            setBy[key] = fileKey
            secret = file.value.flatMap { read($0, for: key) }
        } else if direct == nil, required {
            report(key, "is required; set it, or set \(fileKey) to a file that holds it")
        }
        entries.append(
            ConfigEntry(key: key, effective: secret == nil ? nil : "<redacted>", source: (direct ?? file)?.source))
        return secret.map(Secret.init)
    }

    /// - Parameter defaultText: how the reference tells a default that depends on the machine or on other variables.
    package mutating func int(
        forKey key: String, default defaultValue: Int, defaultText: String? = nil, range: ClosedRange<Int>, help: String
    ) -> Int {
        let expected = "a whole number from \(range.lowerBound) to \(range.upperBound)"
        declare(key, [], help, expected, default: defaultText ?? "\(defaultValue)")
        return convert(key, defaultValue, expected: expected) { _, text in
            ForeignNumber(text)?.within(range)
        }
    }

    package mutating func bool(forKey key: String, default defaultValue: Bool, help: String) -> Bool {
        declare(key, [], help, "true or false", default: "\(defaultValue)")
        return convert(key, defaultValue, expected: "true or false") { _, text in
            switch text.lowercased() {
            case "true", "1", "yes", "on": true
            case "false", "0", "no", "off": false
            default: nil
            }
        }
    }

    /// A number of seconds, or a number with `ms`, `s`, `m` or `h`.
    package mutating func duration(
        forKey key: String, default defaultValue: Duration, range: ClosedRange<Duration>, help: String
    ) -> Duration {
        let bounds = "\(Self.text(range.lowerBound)) to \(Self.text(range.upperBound))"
        declare(key, [], help, "a duration from \(bounds)", default: Self.text(defaultValue))
        let expected = "a duration such as 30, 500ms, 10s, 5m or 24h, from \(bounds)"
        return convert(key, defaultValue, expected: expected, text: Self.text) { _, text in
            Self.duration(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// Comma-separated, blanks around elements dropped, empty elements too. One that is set and has no element is
    /// refused.
    /// - Parameter defaultText: how the reference tells a default that depends on the machine or on other variables.
    package mutating func list(
        forKey key: String, default defaultValue: [String] = [], defaultText: String? = nil, example: String? = nil,
        help: String
    ) -> [String] {
        let written = defaultValue.isEmpty ? nil : defaultValue.joined(separator: ",")
        declare(key, [], help, "a list", default: defaultText ?? written, example: example)
        guard let found = find(key, []), let value = found.value else {
            note(key, setBy[key] == nil ? written : Self.refusedValue, nil)
            return defaultValue
        }
        let elements = value.split(separator: ",").map { ConfigText.trim($0) }.filter { !$0.isEmpty }
        if elements.isEmpty { report(key, "is a list without an element; leave it unset for the default") }
        note(
            key, elements.map { ConfigText.redacted(url: $0) }.joined(separator: ","), found.source)
        return elements
    }

    /// One of a closed set, in any case.
    /// - Parameter lenient: what a text means that none of the set is, by the name that was set, and what to warn of.
    package mutating func choice<Choice: RawRepresentable & CaseIterable>(
        forKey key: String, aliases: [String] = [], default defaultValue: Choice, help: String,
        lenient: (_ name: String, _ text: String) -> (choice: Choice, warning: String?)? = { _, _ in nil }
    ) -> Choice where Choice.RawValue == String {
        let expected = "one of " + Choice.allCases.map(\.rawValue).joined(separator: ", ")
        declare(key, aliases, help, expected, default: defaultValue.rawValue)
        var warning: String?
        let value = convert(key, aliases: aliases, defaultValue, expected: expected, text: \.rawValue) { name, text in
            if let choice = Choice(rawValue: text.lowercased()) { return choice }
            guard let meant = lenient(name, text) else { return nil }
            warning = meant.warning
            return meant.choice
        }
        if let warning { warn(key, warning) }
        return value
    }

    /// An absolute http or https URL without user, password, query and fragment, its scheme and host in lower case, its
    /// trailing slashes dropped.
    package mutating func url(forKey key: String, example: String, required: Bool = true, help: String) -> String? {
        declare(key, [], help, "an http or https URL", example: example, isRequired: required)
        guard let found = find(key, []) else {
            note(key, nil, nil)
            if required { report(key, "is required, for example \(example)") }
            return nil
        }
        guard let value = found.value else {
            note(key, found.shown, found.source)
            return nil
        }
        let url = Self.url(value)
        note(key, url ?? ConfigText.redacted(url: value), found.source)
        if url == nil {
            let isURL = Self.url(ConfigText.redacted(url: value).replacing("<redacted>@", with: "")) != nil
            let why = value.contains("@") && isURL ? "must not hold a user name or password, " : ""
            report(key, "\(why)expected an http or https URL without a query, such as \(example)")
        }
        return url
    }

    /// The same for one text, such as an element of a list; nil where it is no such URL.
    package static func url(_ text: String) -> String? {
        var text = text
        while text.hasSuffix("/") { text.removeLast() }
        guard let url = WebURL(text), !text.contains(where: { "@?#".contains($0) }) else { return nil }
        return url.base.lowercased() + url.rest
    }

    /// Names that are set, look like ours by their prefix, and were never read: most often a slip of the pen.
    package func unknownKeys(prefixes: [String], ignoring ignored: Set<String>) -> [String] {
        var names: Set<String> = []
        for provider in providers {
            for key in provider.keys where prefixes.contains(where: key.hasPrefix) { names.insert(key) }
        }
        return names.subtracting(known).subtracting(ignored).sorted()
    }

    // MARK: Inside

    private static let refusedValue = "<refused>"

    /// What a variable was set to.
    private struct Found {
        /// Trimmed; nil for a text that no setting can hold, which is a problem already.
        let value: String?
        let source: String

        var shown: String { value ?? ConfigReader.refusedValue }
    }

    private mutating func declare(
        _ key: String, _ aliases: [String], _ help: String, _ expected: String, default defaultText: String? = nil,
        example: String? = nil, isRequired: Bool = false, isSecret: Bool = false
    ) {
        declarations.append(
            ConfigDeclaration(
                key: key, aliases: aliases, section: section, help: help, expected: expected, defaultText: defaultText,
                example: example, isRequired: isRequired, isSecret: isSecret))
    }

    /// The one place where values come in.
    private mutating func find(_ key: String, _ aliases: [String]) -> Found? {
        known.formUnion([key] + aliases)
        for name in [key] + aliases {
            for provider in providers {
                // An empty variable is how many deployment tools write "not set".
                guard let text = provider.value(name) else { continue }
                let value = ConfigText.trim(text)
                if value.isEmpty { continue }
                setBy[key] = name
                let source = name == key ? provider.name : "\(provider.name) (\(name))"
                guard let problem = Self.problem(value) else { return Found(value: value, source: source) }
                report(key, problem)
                return Found(value: nil, source: source)
            }
        }
        return nil
    }

    /// What makes a text unusable for every setting. Does not repeat it.
    private static func problem(_ value: String) -> String? {
        if ConfigText.hasControlCharacter(value) {
            return "holds a line end or another control character; is one line of a file two?"
        }
        if ConfigText.isQuoted(value) {
            return "stands in quotes that are part of the value; leave them out (podman and docker keep them)"
        }
        return nil
    }

    private mutating func note(_ key: String, _ effective: String?, _ source: String?) {
        entries.append(ConfigEntry(key: key, effective: effective, source: source))
    }

    private mutating func convert<Value>(
        _ key: String, aliases: [String] = [], _ defaultValue: Value, expected: String,
        text: (Value) -> String = { "\($0)" }, _ convert: (_ name: String, _ text: String) -> Value?
    ) -> Value {
        guard let found = find(key, aliases) else {
            note(key, text(defaultValue), nil)
            return defaultValue
        }
        guard let written = found.value else {
            note(key, found.shown, found.source)
            return defaultValue
        }
        guard let value = convert(setBy[key] ?? key, written) else {
            report(key, "expected \(expected), found \(ConfigText.refused(written))")
            note(key, Self.refusedValue, found.source)
            return defaultValue
        }
        note(key, text(value), found.source)
        return value
    }

    private mutating func read(_ path: String, for key: String) -> String? {
        // A secret that was written where a path belongs must not be repeated.
        let shown = path.hasPrefix("/") ? "'\(path)'" : "the file it names"
        guard let data = FileManager.default.contents(atPath: path) else {
            report(key, "\(shown) cannot be read")
            return nil
        }
        guard let text = String(validating: data, as: UTF8.self) else {
            report(key, "\(shown) is not UTF-8 text")
            return nil
        }
        let value = ConfigText.trim(text)
        if value.isEmpty {
            report(key, "\(shown) is empty")
            return nil
        }
        if ConfigText.hasControlCharacter(value) {
            report(key, "\(shown) holds more than one line, or another control character")
            return nil
        }
        return value
    }
}
