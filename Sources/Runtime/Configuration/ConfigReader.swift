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
    private var known: Set<String> = []

    /// - Parameter providers: the first that has a value wins.
    package init(providers: [any ConfigProvider]) { self.providers = providers }

    /// Notes a problem that only several values together show.
    package mutating func report(_ key: String, _ message: String) { problems.append(ConfigProblem(key, message)) }

    // MARK: Typed values

    package mutating func string(forKey key: String, aliases: [String] = [], default defaultValue: String? = nil)
        -> String?
    {
        let found = find(key, aliases)
        note(key, found.map(\.value) ?? defaultValue, found?.source)
        return found?.value ?? defaultValue
    }

    /// A value that must be there; a placeholder when it is not, with the problem noted.
    package mutating func requiredString(forKey key: String, example: String) -> String {
        let value = string(forKey: key)
        if value == nil { report(key, "is required, for example \(example)") }
        return value ?? ""
    }

    /// A secret, from the variable or from the file that `NAME_FILE` names.
    package mutating func secret(forKey key: String, required: Bool) -> Secret? {
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

    package mutating func int(forKey key: String, default defaultValue: Int, range: ClosedRange<Int>) -> Int {
        convert(key, defaultValue, expected: "a whole number from \(range.lowerBound) to \(range.upperBound)") { text in
            Int(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    package mutating func bool(forKey key: String, default defaultValue: Bool) -> Bool {
        convert(key, defaultValue, expected: "true or false") { text in
            switch text.lowercased() {
            case "true", "1", "yes", "on": true
            case "false", "0", "no", "off": false
            default: nil
            }
        }
    }

    /// A number of seconds, or a number with `ms`, `s`, `m` or `h`.
    package mutating func duration(
        forKey key: String, default defaultValue: Duration, range: ClosedRange<Duration>
    ) -> Duration {
        let bounds = "\(Self.text(range.lowerBound)) to \(Self.text(range.upperBound))"
        let expected = "a duration such as 30, 500ms, 10s, 5m or 24h, from \(bounds)"
        return convert(key, defaultValue, expected: expected, text: Self.text) { text in
            Self.duration(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// Comma-separated, blanks around elements dropped, empty elements too.
    package mutating func list(forKey key: String, default defaultValue: [String] = []) -> [String] {
        let found = find(key, [])
        let elements = found.map { Self.elements($0.value) } ?? defaultValue
        note(key, elements.isEmpty ? nil : elements.joined(separator: ","), found?.source)
        return elements
    }

    /// One of a closed set, in any case.
    package mutating func choice<Choice: RawRepresentable & CaseIterable>(
        forKey key: String, aliases: [String] = [], default defaultValue: Choice
    ) -> Choice where Choice.RawValue == String {
        let names = Choice.allCases.map(\.rawValue)
        return convert(
            key, aliases: aliases, defaultValue, expected: "one of \(names.joined(separator: ", "))", text: \.rawValue
        ) { text in Choice(rawValue: text.lowercased()) }
    }

    /// An absolute http or https URL without a query, its trailing slashes dropped.
    package mutating func url(forKey key: String, example: String, required: Bool = true) -> String? {
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

    /// Seconds by default; fractions allowed.
    package static func duration(_ text: String) -> Duration? {
        let units: [(suffix: String, milliseconds: Double)] = [
            ("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000),
        ]
        var number = text
        var scale = 1_000.0
        if let unit = units.first(where: { text.hasSuffix($0.suffix) }) {
            number = String(text.dropLast(unit.suffix.count))
            scale = unit.milliseconds
        }
        guard let value = Double(number), value.isFinite, value >= 0, value * scale < 1e15 else { return nil }
        return .milliseconds(Int((value * scale).rounded()))
    }

    /// The shortest way to write a duration.
    package static func text(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let milliseconds = Int(seconds) * 1_000 + Int(attoseconds / 1_000_000_000_000_000)
        if milliseconds % 1_000 != 0 { return "\(milliseconds)ms" }
        if seconds >= 3_600, seconds % 3_600 == 0 { return "\(seconds / 3_600)h" }
        if seconds >= 60, seconds % 60 == 0 { return "\(seconds / 60)m" }
        return "\(seconds)s"
    }

    private static func elements(_ text: String) -> [String] {
        text.split(separator: ",").map { trim(String($0)) }.filter { !$0.isEmpty }
    }

    private static func trim(_ text: String) -> String {
        String(text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }
}
