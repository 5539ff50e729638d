/// Whether a certificate will be valid for a while yet.
package struct CertificateCheck: Check {
    /// When to warn of an end, and when to report it as an error.
    static let warningDays = 30
    private static let errorDays = 3

    private let owner: String
    private let notAfter: Int
    private let now: Int

    /// - Parameters:
    ///   - owner: whose it is, in words.
    ///   - notAfter: seconds since 1970-01-01T00:00:00Z after which it is no longer valid.
    ///   - now: the same clock.
    package init(owner: String, notAfter: Int, now: Int) {
        self.owner = owner
        self.notAfter = notAfter
        self.now = now
    }

    package var findings: [Finding] {
        let days = (notAfter - now) / 86_400
        let advice = "Have it replaced"
        if notAfter <= now {
            return [Finding("certificate", .error, "the certificate of \(owner) has expired", advice: advice)]
        }
        let severity: Severity = days < Self.errorDays ? .error : days < Self.warningDays ? .warning : .ok
        return [
            Finding(
                "certificate", severity, "the certificate of \(owner) is valid for \(days) more days",
                advice: severity == .ok ? nil : advice)
        ]
    }
}

/// Whether the roots of a file will be of use for a while yet. A large bundle always holds some that have expired, which
/// does no harm; a file of a few names those that systems here depend on.
package struct RootsCheck: Check {
    /// Up to that many, each was put there for a reason.
    private static let few = 5
    private static let shownMax = 3

    private let owner: String
    private let roots: [(subject: String, notAfter: Int)]
    private let now: Int

    /// - Parameters:
    ///   - owner: what the file is, in words.
    ///   - notAfter: seconds since 1970-01-01T00:00:00Z after which each is no longer valid.
    package init(owner: String, roots: [(subject: String, notAfter: Int)], now: Int) {
        self.owner = owner
        self.roots = roots
        self.now = now
    }

    package var findings: [Finding] {
        let limit = now + CertificateCheck.warningDays * 86_400
        let ending = roots.filter { $0.notAfter < limit }
        guard !ending.isEmpty else {
            return [Finding("certificate", .ok, "the \(roots.count) certificates in \(owner) are valid for a while")]
        }
        let matters = roots.count <= Self.few || ending.count == roots.count
        let names = ending.prefix(Self.shownMax).map { $0.subject.prefix { $0 != "," } }.joined(separator: "; ")
        return [
            Finding(
                "certificate", matters ? .warning : .info,
                "\(ending.count) of the \(roots.count) certificates in \(owner) have expired or will within "
                    + "\(CertificateCheck.warningDays) days: \(names)\(ending.count > Self.shownMax ? "; …" : "")",
                advice: "Replace those that systems here depend on")
        ]
    }
}
