import Bytes

/// The policies in force, as `RATE_LIMITS` states them.
package struct RateLimits: Sendable, Equatable {
    /// For requests that change nothing; nil is without limit, as below.
    package private(set) var read: RatePolicy?
    package private(set) var write: RatePolicy?
    /// For refused access tokens.
    package private(set) var authFailure: RatePolicy?
    /// For requests that answer a secret which was answered before.
    package private(set) var reveal: RatePolicy?
    /// For requests that make the helper call a model's gateway.
    package private(set) var test: RatePolicy?
    /// For back-channel logouts, which Keycloak sends.
    package private(set) var logout: RatePolicy?

    /// Everything that is wrong with a text, in words for its author.
    package struct Problem: Error, Sendable, Equatable, CustomStringConvertible {
        package let description: String
    }

    package static let defaultText =
        "read=300/minute;write=30/minute,200/day;auth_failure=60/minute;reveal=10/minute;test=10/minute;logout=600/minute"
    private static let windowsMax = 4
    private static let limitMax = 1_000_000_000
    private static let secondsMax = 366 * 86_400
    private static let units = ["second": 1, "minute": 60, "hour": 3_600, "day": 86_400]

    package init(
        read: RatePolicy? = nil, write: RatePolicy? = nil, authFailure: RatePolicy? = nil, reveal: RatePolicy? = nil,
        test: RatePolicy? = nil, logout: RatePolicy? = nil
    ) {
        self.read = read
        self.write = write
        self.authFailure = authFailure
        self.reveal = reveal
        self.test = test
        self.logout = logout
    }

    /// `policy=limit,limit;policy=…` where a limit is `30/minute`, `30 per minute` or `100/5 minutes`. A policy that is not
    /// named keeps its default; `policy=off` lifts one, `off` alone all.
    package init(parsing text: String) throws(Problem) {
        self.init()
        if Self.trim(text[...]) == "off" { return }
        var named: [RatePolicy.Name: RatePolicy?] = [:]
        var problems: [String] = []
        for rule in text.split(separator: ";") where !Self.trim(rule).isEmpty {
            do throws(Problem) {
                let (name, policy) = try Self.rule(rule)
                if named.updateValue(policy, forKey: name) != nil {
                    problems.append("'\(name.rawValue)' is there twice; separate its limits by commas")
                }
            } catch {
                problems.append(error.description)
            }
        }
        if named.isEmpty, problems.isEmpty { problems = ["expected \(Self.defaultText), or off"] }
        guard problems.isEmpty else { throw Problem(description: problems.joined(separator: "; ")) }
        let defaults = Self.standard
        read = named[.read] ?? defaults.read
        write = named[.write] ?? defaults.write
        authFailure = named[.authFailure] ?? defaults.authFailure
        reveal = named[.reveal] ?? defaults.reveal
        test = named[.test] ?? defaults.test
        logout = named[.logout] ?? defaults.logout
    }

    /// What `defaultText` says.
    package static let standard = RateLimits(
        read: RatePolicy(.read, [.init(limit: 300, seconds: 60)]),
        write: RatePolicy(.write, [.init(limit: 30, seconds: 60), .init(limit: 200, seconds: 86_400)]),
        authFailure: RatePolicy(.authFailure, [.init(limit: 60, seconds: 60)]),
        reveal: RatePolicy(.reveal, [.init(limit: 10, seconds: 60)]),
        test: RatePolicy(.test, [.init(limit: 10, seconds: 60)]),
        logout: RatePolicy(.logout, [.init(limit: 600, seconds: 60)]))

    /// Those that limit anything.
    package var policies: [RatePolicy] { [read, write, authFailure, reveal, test, logout].compactMap(\.self) }

    private static func rule(_ text: Substring) throws(Problem) -> (RatePolicy.Name, RatePolicy?) {
        let parts = text.split(separator: "=", maxSplits: 1).map(trim)
        guard parts.count == 2, let name = RatePolicy.Name(rawValue: parts[0]) else {
            let names = RatePolicy.Name.allCases.map(\.rawValue).joined(separator: ", ")
            throw Problem(description: "expected policy=limits with a policy of \(names), found '\(text.prefix(60))'")
        }
        return (name, try policy(name, parts[1]))
    }

    private static func policy(_ name: RatePolicy.Name, _ text: String) throws(Problem) -> RatePolicy? {
        if text == "off" { return nil }
        var windows: [RatePolicy.Window] = []
        var problems: [String] = []
        for limit in text.split(separator: ",", omittingEmptySubsequences: false) {
            do throws(Problem) {
                let window = try window(limit)
                if windows.contains(where: { $0.seconds == window.seconds }) {
                    problems.append("\(name.rawValue) has two limits for the same time")
                }
                windows.append(window)
            } catch {
                problems.append("\(name.rawValue): \(error.description)")
            }
        }
        if windows.count > windowsMax { problems.append("\(name.rawValue) has more than \(windowsMax) limits") }
        guard problems.isEmpty else { throw Problem(description: problems.joined(separator: "; ")) }
        return RatePolicy(name, windows)
    }

    /// `30/minute`, `30 per minute`, `100/5 minutes`, `100/5minutes`.
    private static func window(_ text: Substring) throws(Problem) -> RatePolicy.Window {
        let problem = Problem(
            description:
                "expected a limit such as 30/minute or 100/5 minutes (second, minute, hour, day), found '\(text.prefix(40))'"
        )
        let words = text.split { $0 == "/" || $0 == " " }.filter { $0 != "per" }
        guard let first = words.first, let limit = ForeignNumber(first)?.within(1...limitMax) else { throw problem }
        let rest = words.dropFirst().joined()
        let digits = rest.prefix { ("0"..."9").contains($0) }
        let unit = rest.dropFirst(digits.count)
        guard let count = digits.isEmpty ? 1 : ForeignNumber(digits)?.within(1...secondsMax),
            let length = units[unit.hasSuffix("s") ? String(unit.dropLast()) : String(unit)],
            count * length <= secondsMax
        else { throw problem }
        return RatePolicy.Window(limit: limit, seconds: count * length)
    }

    private static func trim(_ text: Substring) -> String {
        let start = text.drop { $0 == " " }
        return String(start.prefix(start.count - start.reversed().prefix { $0 == " " }.count))
    }
}
