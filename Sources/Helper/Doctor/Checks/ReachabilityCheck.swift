import HTTPClient

/// Whether a system answers at all. Says nothing of an answer's content.
package struct ReachabilityCheck: Check {
    private let check: String
    private let system: String
    private let url: String
    private let variable: String
    private let observation: Observation

    /// - Parameters:
    ///   - system: its name in words.
    ///   - variable: the setting that says where it is.
    package init(_ check: String, system: String, url: String, variable: String, _ observation: Observation) {
        self.check = check
        self.system = system
        self.url = url
        self.variable = variable
        self.observation = observation
    }

    package var findings: [Finding] {
        guard case .failed(let error) = observation.outcome else {
            return [Finding(check, .ok, "\(system) answers at \(url)")]
        }
        let message = "\(system) does not answer at \(url): \(error)"
        return [Finding(check, .error, message, advice: error.advice(setting: variable))]
    }
}
