import Arguments
import Configuration
import EventLoop

/// Where a command reads its configuration: the environment, which wins, and a `.env` file.
struct ConfigurationSource: Sendable {
    static let option = CommandLineGrammar.Option(
        "env-file", value: "PATH", "Read variables from a .env file; the environment wins")

    private let file: String?

    init(_ invocation: CommandLineGrammar.Invocation) { file = invocation.values[Self.option.name] }

    /// Reads everything; a running process calls it again on SIGHUP. May block.
    func read() -> Settings.Outcome {
        do throws(EnvFile.Problem) {
            let file = try file.map { path throws(EnvFile.Problem) in try EnvFile.load(path) }
            return Settings.read([InMemoryProvider.environment()] + (file.map { [$0] } ?? []))
        } catch {
            return .problems([ConfigProblem("--env-file", error.description)], entries: [], warnings: [])
        }
    }

    /// The settings. Writes warnings to standard error, and every problem where there is one.
    /// - Parameter showsWarnings: false for a command that runs again and again.
    /// - Returns: nil where the configuration has problems.
    func settings(showsWarnings: Bool = true) -> Settings? { Self.report(read(), showsWarnings: showsWarnings) }

    static func report(_ outcome: Settings.Outcome, showsWarnings: Bool = true) -> Settings? {
        if showsWarnings {
            for warning in outcome.warnings { StandardStreams.error("mlaas-helper: warning: \(warning)") }
        }
        switch outcome {
        case .problems(let problems, _, _):
            StandardStreams.error("mlaas-helper: the configuration has \(problems.count) problem(s):")
            for problem in problems { StandardStreams.error("  \(problem)") }
            return nil
        case .settings(let settings, _, _): return settings
        }
    }
}
