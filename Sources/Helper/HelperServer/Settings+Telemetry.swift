import Configuration

/// What the outside sees of how the helper is doing.
package struct TelemetrySettings: Sendable {
    /// Where `/metrics` is served; 0 on the port of the API.
    package let metricsPort: Int
    package let metricsHost: String
    /// The commit the build was made of.
    package let commit: String

    init(_ reader: inout ConfigReader) {
        metricsPort = reader.int(
            forKey: "METRICS_PORT", default: 0, defaultText: "the API's own port", range: 0...65_535,
            help: "Serves `/metrics` on a port of its own, and on that one only.")
        metricsHost =
            reader.string(
                forKey: "METRICS_HOST", default: "0.0.0.0", expected: "an address",
                help: "The address of that port.") ?? ""
        let commit =
            reader.string(
                forKey: "MLAAS_COMMIT", default: "unknown", expected: "hexadecimal digits",
                help: "The commit the build was made of, shown by `mlaas_build_info`; an image sets it.") ?? ""
        let isCommit = commit == "unknown" || ((7...64).contains(commit.utf8.count) && commit.allSatisfy(\.isHexDigit))
        if !isCommit { reader.report("MLAAS_COMMIT", "must be 7 to 64 hexadecimal digits") }
        self.commit = commit
    }
}
