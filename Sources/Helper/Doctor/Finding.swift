/// How much a finding matters, least first.
package enum Severity: String, Sendable, CaseIterable, Comparable {
    /// As it should be.
    case ok
    /// Worth knowing; nothing to mend.
    case info
    /// Something does not work for some callers, or will not for long.
    case warning
    /// The helper cannot do its job.
    case error

    package static func < (left: Severity, right: Severity) -> Bool { left.rank < right.rank }

    private var rank: Int {
        switch self {
        case .ok: 0
        case .info: 1
        case .warning: 2
        case .error: 3
        }
    }
}

/// One thing that a check has found. Nothing of it holds a secret.
package struct Finding: Sendable, Equatable {
    /// The check's name, from a closed set, such as `3scale.token`.
    package let check: String
    package let severity: Severity
    /// The state that was found.
    package let message: String
    /// What to do about it; nil when there is nothing to do.
    package let advice: String?

    package init(_ check: String, _ severity: Severity, _ message: String, advice: String? = nil) {
        self.check = check
        self.severity = severity
        self.message = message
        self.advice = advice
    }
}

extension Finding {
    private static let shownMax = 20

    /// A warning for each of the first twenty, and one that says how many more there are.
    static func warnings<Kind>(_ check: String, of kinds: [Kind], _ make: (Kind) -> Finding) -> [Finding] {
        var findings = kinds.prefix(shownMax).map(make)
        if kinds.count > shownMax {
            findings.append(
                Finding(
                    check, .warning, "and \(kinds.count - shownMax) more of the kind",
                    advice: "Run the doctor again after these"))
        }
        return findings
    }
}

/// One question that the doctor asks of what was observed: a decision without I/O.
package protocol Check: Sendable {
    /// At least one finding, unless there was nothing to look at.
    var findings: [Finding] { get }
}
