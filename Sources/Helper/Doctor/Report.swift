import JSON

/// What the doctor has found, for people and for programs.
package struct Report: Sendable {
    package let findings: [Finding]

    package init(_ findings: [Finding]) { self.findings = findings }

    /// The gravest finding; `ok` when there is none.
    package var severity: Severity { findings.map(\.severity).max() ?? .ok }

    /// 0 when nothing is to be done, 1 for warnings, 2 for errors.
    package var exitStatus: Int32 {
        switch severity {
        case .ok, .info: 0
        case .warning: 1
        case .error: 2
        }
    }

    /// A line for each finding, the gravest last, where a terminal shows it.
    /// - Parameter usesColour: for terminals.
    package func text(usesColour: Bool) -> String {
        let width = findings.map(\.check.count).max() ?? 0
        let lines = ordered(Severity.allCases).map { finding in
            let name = finding.severity.rawValue
            let label = usesColour ? Self.colour(finding.severity) + name + "\u{1B}[0m" : name
            return label + String(repeating: " ", count: 9 - name.count) + finding.check
                + String(repeating: " ", count: width - finding.check.count + 2) + finding.message
                + (finding.advice.map { ". \($0)" } ?? "")
        }
        let counts = Severity.allCases.reversed().compactMap { severity in
            let count = findings.count { $0.severity == severity }
            return count == 0 ? nil : "\(count) \(severity.rawValue)"
        }
        return (lines + ["", counts.joined(separator: ", ")]).joined(separator: "\n")
    }

    /// `{"severity":…,"findings":[{"check","severity","message","advice"}]}`, the gravest first.
    package var json: [UInt8] {
        var writer = JSONWriter(pretty: true)
        writer.beginObject()
        writer.name("severity")
        writer.string(severity.rawValue)
        writer.name("findings")
        writer.beginArray()
        for finding in ordered(Severity.allCases.reversed()) {
            writer.beginObject()
            writer.name("check")
            writer.string(finding.check)
            writer.name("severity")
            writer.string(finding.severity.rawValue)
            writer.name("message")
            writer.string(finding.message)
            if let advice = finding.advice {
                writer.name("advice")
                writer.string(advice)
            }
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
        return writer.bytes
    }

    /// By severity, in the order of the checks otherwise.
    private func ordered(_ severities: some Sequence<Severity>) -> [Finding] {
        severities.flatMap { severity in findings.filter { $0.severity == severity } }
    }

    private static func colour(_ severity: Severity) -> String {
        switch severity {
        case .ok: "\u{1B}[32m"
        case .info: "\u{1B}[36m"
        case .warning: "\u{1B}[33m"
        case .error: "\u{1B}[31m"
        }
    }
}
