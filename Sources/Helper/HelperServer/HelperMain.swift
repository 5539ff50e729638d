package import Arguments
import Configuration
import Doctor
import EventLoop
import Telemetry

/// The command line of `mlaas-helper`: reads what is asked for, and does it.
package enum HelperMain {
    /// Exit statuses, as sysexits.h has them from 64 on.
    private enum Exit {
        /// What container engines take for unhealthy.
        static let unhealthy: Int32 = 1
        static let usage: Int32 = 64
        static let unavailable: Int32 = 69
        static let configuration: Int32 = 78
    }

    package static let grammar = CommandLineGrammar(
        program: "mlaas-helper", abstract: "The gateway by which people get API keys for machine-learning model APIs.",
        commands: [
            .init("serve", "Run the server"),
            .init("healthcheck", "Ask the server of this configuration whether it lives, or with --ready is ready"),
            .init("doctor", "Examine the configured systems and say what is wrong and what to do"),
            .init("config check", "Check the configuration and say everything that is wrong with it"),
            .init("config print", "Print the values in force, secrets redacted"),
            .init("config reference", "Print what can be configured, as Markdown"),
            .init("config example", "Print a .env file to fill in"),
        ],
        options: [
            .init("env-file", value: "PATH", "Read variables from a .env file; the environment wins"),
            .init("ready", "With healthcheck: fail when the server is not ready for requests"),
            .init("json", "With doctor: print JSON"),
            .init("token-file", value: "PATH", "With doctor: look at the access token in that file too"),
            .init("version", "Print the version"), .init("help", "Print this text"),
        ])

    /// - Parameter arguments: without the program's name.
    /// - Returns: the exit status.
    package static func run(_ arguments: [String]) async -> Int32 {
        let invocation: CommandLineGrammar.Invocation
        let providers: [any ConfigProvider]
        do throws(CommandLineGrammar.UsageError) {
            invocation = try grammar.parse(arguments)
        } catch {
            StandardStreams.error("mlaas-helper: \(error)")
            return Exit.usage
        }
        if invocation.flags.contains("help") {
            StandardStreams.output(grammar.help)
            return 0
        }
        if invocation.flags.contains("version") {
            StandardStreams.output("mlaas-helper \(Version.number)")
            return 0
        }
        if let document = document(invocation.command) {
            StandardStreams.output(document)
            return 0
        }
        do throws(EnvFile.Problem) {
            providers = try self.providers(invocation)
        } catch {
            StandardStreams.error("mlaas-helper: \(error)")
            return Exit.configuration
        }
        return await dispatch(invocation, Settings.read(providers))
    }

    private static func providers(
        _ invocation: CommandLineGrammar.Invocation
    ) throws(EnvFile.Problem) -> [any ConfigProvider] {
        let file = try invocation.values["env-file"].map { path throws(EnvFile.Problem) in try EnvFile.load(path) }
        return [InMemoryProvider.environment()] + (file.map { [$0] } ?? [])
    }

    /// Everything read once more, by a process that runs.
    private static func reread(_ invocation: CommandLineGrammar.Invocation) -> Settings.Outcome {
        do throws(EnvFile.Problem) {
            return Settings.read(try providers(invocation))
        } catch {
            return .problems([ConfigProblem("--env-file", error.description)], entries: [], warnings: [])
        }
    }

    /// What is printed for a command that reads nothing.
    private static func document(_ command: String) -> String? {
        switch command {
        case "config reference": ConfigReference(Settings.declarations).markdown
        case "config example": ConfigReference(Settings.declarations).environmentFile
        default: nil
        }
    }

    private static func dispatch(
        _ invocation: CommandLineGrammar.Invocation, _ outcome: Settings.Outcome
    ) async -> Int32 {
        let command = invocation.command
        if command == "config print" { print(outcome) }
        for warning in outcome.warnings { StandardStreams.error("mlaas-helper: warning: \(warning)") }
        switch outcome {
        case .problems(let problems, _, _):
            StandardStreams.error("mlaas-helper: the configuration has \(problems.count) problem(s):")
            for problem in problems { StandardStreams.error("  \(problem)") }
            return Exit.configuration
        case .settings(let settings, _, _):
            switch command {
            case "config check":
                StandardStreams.output("The configuration is good.")
                return 0
            case "config print": return 0
            case "doctor": return await examine(settings, invocation)
            case "healthcheck": return await probe(settings, ready: invocation.flags.contains("ready"))
            default: return await serve(settings) { reread(invocation) }
            }
        }
    }

    private static func print(_ outcome: Settings.Outcome) {
        let entries =
            switch outcome {
            case .problems(_, let entries, _), .settings(_, let entries, _): entries
            }
        for entry in entries {
            let value = entry.effective.map { "\(entry.key)=\($0)" } ?? "# \(entry.key) is not set"
            StandardStreams.output(value + (entry.source.map { "  # from \($0)" } ?? ""))
        }
    }

    private static func examine(_ settings: Settings, _ invocation: CommandLineGrammar.Invocation) async -> Int32 {
        let logger = Logger(label: "mlaas", handler: SwiftLogNoOpLogHandler())
        let server = HelperServer(settings: settings, log: LogOutput(logger), reread: { reread(invocation) })
        let report = await server.examine(tokenFile: invocation.values["token-file"])
        StandardStreams.output(
            invocation.flags.contains("json")
                ? String(decoding: report.json, as: UTF8.self)
                : report.text(usesColour: StandardStreams.outputIsTerminal))
        return report.exitStatus
    }

    private static func probe(_ settings: Settings, ready: Bool) async -> Int32 {
        let probe = HealthProbe(
            host: settings.host, port: settings.port, ready: ready, certificateFile: settings.tls?.certificate)
        guard let problem = await probe.problem() else { return 0 }
        StandardStreams.error("mlaas-helper: \(problem)")
        return Exit.unhealthy
    }

    private static func serve(
        _ settings: Settings, reread: @escaping @Sendable () -> Settings.Outcome
    ) async -> Int32 {
        let writer = LineWriter(descriptor: 1)
        let now: @Sendable () -> Int = { wallClockNanoseconds() }
        let log = LogOutput(writer: writer) { sink in
            var handler: any LogHandler =
                switch settings.logFormat {
                case .json: JSONLogHandler(sink: sink, level: settings.logLevel, now: now)
                case .text:
                    TextLogHandler(
                        sink: sink, level: settings.logLevel, usesColour: StandardStreams.outputIsTerminal, now: now)
                }
            handler.metadataProvider = .serviceContext
            return handler
        }
        defer {
            // Audit lines outlive a reader that has stopped as long as an orderly end may take; then they go to standard error.
            StandardStreams.offerToError(writer.flush(reserved: .seconds(30)))
            writer.close()
        }
        do {
            try await HelperServer(settings: settings, log: log, reread: reread).run()
            return 0
        } catch {
            log.logger.critical("cannot start", metadata: [LogKey.error: .string("\(error)")])
            StandardStreams.error("mlaas-helper: \(error)")
            return Exit.unavailable
        }
    }
}
