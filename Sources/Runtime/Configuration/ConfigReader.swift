import FoundationEssentials

/// One thing that is wrong with the configuration.
package struct ConfigProblem: Error, Sendable, Equatable, CustomStringConvertible {
    package let key: String
    /// What is expected, and what was found unless it is a secret.
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
    /// What is in force; `<redacted>` for a secret that is set, nil for nothing.
    package let effective: String?
    /// Where it comes from; nil for the default.
    package let source: String?
}

/// Reads typed values by name and keeps every problem, so that all can be told at once. Modelled on swift-configuration;
/// names are listed where they are read, never derived.
package struct ConfigReader {
    private let providers: [any ConfigProvider]
    package private(set) var problems: [ConfigProblem] = []
    package private(set) var entries: [ConfigEntry] = []
    /// Every variable that was asked for, in that order.
    package private(set) var declarations: [ConfigDeclaration] = []
    private var section = ""
    private var known: Set<String> = []

    /// - Parameter providers: the first that has a value wins.
    package init(providers: [any ConfigProvider]) { self.providers = providers }

    /// Notes a problem that only several values together show.
    package mutating func report(_ key: String, _ message: String) { problems.append(ConfigProblem(key, message)) }

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
        note(key, found.map(\.value) ?? defaultValue, found?.source)
        return found?.value ?? defaultValue
    }

    /// Where a proxy is: `[scheme://][user:password@]host[:port]`. Who we are to it is never shown.
    package mutating func proxy(forKey key: String, aliases: [String], help: String) -> String? {
        declare(key, aliases, help, "a URL", example: "http://proxy.example.com:3128")
        let found = find(key, aliases)
        guard let found else {
            note(key, nil, nil)
            return nil
        }
        let scheme = found.value.firstRange(of: "://")
        let rest = scheme.map { found.value[$0.upperBound...] } ?? found.value[...]
        let host = rest.lastIndex(of: "@").map { rest[rest.index(after: $0)...] } ?? rest
        let shown = scheme.map { found.value[..<$0.upperBound] } ?? ""
        note(key, shown + (host.count < rest.count ? "<redacted>@" : "") + host, found.source)
        let name = scheme.map { found.value[..<$0.lowerBound].lowercased() } ?? "http"
        if !["http", "https", "socks5", "socks5h"].contains(name) || host.isEmpty {
            report(key, "expected a proxy such as http://proxy.example.com:3128")
        }
        return found.value
    }

    /// A value that must be there; a placeholder when it is not, with the problem noted.
    package mutating func requiredString(forKey key: String, example: String, help: String) -> String {
        declare(key, [], help, "text", example: example, isRequired: true)
        let found = find(key, [])
        note(key, found?.value, found?.source)
        if found == nil { report(key, "is required, for example \(example)") }
        return found?.value ?? ""
    }

    /// A secret, from the variable or from the file that `NAME_FILE` names.
    package mutating func secret(forKey key: String, required: Bool, help: String) -> Secret? {
        declare(key, [], help, "a secret", isRequired: required, isSecret: true)
        known.formUnion([key, key + "_FILE"])
        let direct = find(key, [])
        let file = find(key + "_FILE", [])
        if direct != nil, file != nil { report(key, "is set twice, directly and by \(key)_FILE: choose one") }
        var secret = direct?.value
        if secret == nil, let file {
            secret = read(file.value, for: key)
        } else if secret == nil, required {
            report(key, "is required; set it, or set \(key)_FILE to a file that holds it")
        }
        if let secret, secret.contains(where: { $0.isNewline || $0 == "\0" }) {
            report(key, "holds a line break")
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
        return convert(key, defaultValue, expected: expected) { text in
            Int(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    package mutating func bool(forKey key: String, default defaultValue: Bool, help: String) -> Bool {
        declare(key, [], help, "true or false", default: "\(defaultValue)")
        return convert(key, defaultValue, expected: "true or false") { text in
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
        return convert(key, defaultValue, expected: expected, text: Self.text) { text in
            Self.duration(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// Comma-separated, blanks around elements dropped, empty elements too.
    /// - Parameter defaultText: how the reference tells a default that depends on the machine or on other variables.
    package mutating func list(
        forKey key: String, default defaultValue: [String] = [], defaultText: String? = nil, example: String? = nil,
        help: String
    ) -> [String] {
        let written = defaultValue.isEmpty ? nil : defaultValue.joined(separator: ",")
        declare(key, [], help, "a list", default: defaultText ?? written, example: example)
        let found = find(key, [])
        let elements = found.map { Self.elements($0.value) } ?? defaultValue
        note(key, elements.isEmpty ? nil : elements.joined(separator: ","), found?.source)
        return elements
    }

    /// One of a closed set, in any case.
    package mutating func choice<Choice: RawRepresentable & CaseIterable>(
        forKey key: String, aliases: [String] = [], default defaultValue: Choice, help: String
    ) -> Choice where Choice.RawValue == String {
        let expected = "one of " + Choice.allCases.map(\.rawValue).joined(separator: ", ")
        declare(key, aliases, help, expected, default: defaultValue.rawValue)
        return convert(key, aliases: aliases, defaultValue, expected: expected, text: \.rawValue) { text in
            Choice(rawValue: text.lowercased())
        }
    }

    /// An absolute http or https URL without a query, its trailing slashes dropped.
    package mutating func url(forKey key: String, example: String, required: Bool = true, help: String) -> String? {
        declare(key, [], help, "an http or https URL", example: example, isRequired: required)
        guard let found = find(key, []) else {
            note(key, nil, nil)
            if required { report(key, "is required, for example \(example)") }
            return nil
        }
        var text = found.value
        while text.hasSuffix("/") { text.removeLast() }
        note(key, text, found.source)
        guard let url = URL(string: text), let scheme = url.scheme?.lowercased(), scheme == "https" || scheme == "http",
            let host = url.host(), !host.isEmpty, url.query == nil, url.fragment == nil
        else {
            report(key, "expected an http or https URL such as \(example)")
            return nil
        }
        if url.user != nil || url.password != nil {
            report(key, "must not hold a user name or password")
            return nil
        }
        return text
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

    private mutating func declare(
        _ key: String, _ aliases: [String], _ help: String, _ expected: String, default defaultText: String? = nil,
        example: String? = nil, isRequired: Bool = false, isSecret: Bool = false
    ) {
        declarations.append(
            ConfigDeclaration(
                key: key, aliases: aliases, section: section, help: help, expected: expected, defaultText: defaultText,
                example: example, isRequired: isRequired, isSecret: isSecret))
    }

    private mutating func find(_ key: String, _ aliases: [String]) -> (value: String, source: String)? {
        known.formUnion([key] + aliases)
        for name in [key] + aliases {
            for provider in providers {
                // An empty variable is how many deployment tools write "not set".
                guard let value = provider.value(name), !value.isEmpty else { continue }
                return (value, name == key ? provider.name : "\(provider.name) (\(name))")
            }
        }
        return nil
    }

    private mutating func note(_ key: String, _ effective: String?, _ source: String?) {
        entries.append(ConfigEntry(key: key, effective: effective, source: source))
    }

    private mutating func convert<Value>(
        _ key: String, aliases: [String] = [], _ defaultValue: Value, expected: String,
        text: (Value) -> String = { "\($0)" }, _ convert: (String) -> Value?
    ) -> Value {
        guard let found = find(key, aliases) else {
            note(key, text(defaultValue), nil)
            return defaultValue
        }
        guard let value = convert(Self.trim(found.value)) else {
            report(key, "expected \(expected), found '\(found.value.prefix(60))'")
            note(key, found.value, found.source)
            return defaultValue
        }
        note(key, text(value), found.source)
        return value
    }

    private mutating func read(_ path: String, for key: String) -> String? {
        guard let data = FileManager.default.contents(atPath: path) else {
            report(key + "_FILE", "'\(path)' cannot be read")
            return nil
        }
        guard var text = String(validating: data, as: UTF8.self) else {
            report(key + "_FILE", "'\(path)' is not UTF-8 text")
            return nil
        }
        while let last = text.last, last.isNewline { text.removeLast() }
        if text.isEmpty {
            report(key + "_FILE", "'\(path)' is empty")
            return nil
        }
        return text
    }

    private static func elements(_ text: String) -> [String] {
        text.split(separator: ",").map { trim(String($0)) }.filter { !$0.isEmpty }
    }

    private static func trim(_ text: String) -> String {
        String(text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }
}
