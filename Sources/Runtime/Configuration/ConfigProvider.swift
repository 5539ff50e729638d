import FoundationEssentials

/// Where values come from, by the names of environment variables.
package protocol ConfigProvider: Sendable {
    /// For messages, such as `environment`.
    var name: String { get }
    func value(_ key: String) -> String?
    /// Every name that is set.
    var keys: [String] { get }
}

/// Values in memory.
package struct InMemoryProvider: ConfigProvider {
    package let name: String
    private let values: [String: String]

    package init(name: String = "memory", _ values: [String: String]) {
        self.name = name
        self.values = values
    }

    package func value(_ key: String) -> String? { values[key] }
    package var keys: [String] { values.keys.sorted() }
}

extension InMemoryProvider {
    /// The process's environment, read once.
    package static func environment() -> InMemoryProvider {
        InMemoryProvider(name: "environment", ProcessInfo.processInfo.environment)
    }
}
