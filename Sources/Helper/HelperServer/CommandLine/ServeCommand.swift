import Arguments
import EventLoop
import Telemetry

/// `serve`.
struct ServeCommand: Subcommand {
    static let grammar = CommandLineGrammar.Command(
        "serve", "Run the server", options: [ConfigurationSource.option])

    private let source: ConfigurationSource

    init(_ invocation: CommandLineGrammar.Invocation) { source = ConfigurationSource(invocation) }

    func run() async -> Int32 {
        let outcome = source.read()
        guard case .settings(let settings, _, let warnings) = outcome else {
            _ = ConfigurationSource.report(outcome)
            return ExitStatus.configuration
        }
        let writer = LineWriter(descriptor: 1)
        let log = LogOutput(writer: writer) { LogOutput.handler(settings.logFormat, settings.logLevel, sink: $0) }
        defer {
            // Audit lines outlive a reader that has stopped as long as an orderly end may take; then they go to standard error.
            StandardStreams.offerToError(writer.flush(reserved: .seconds(30)))
            writer.close()
        }
        // Into the log alone: its collectors read no plain text.
        for warning in warnings {
            log.logger.warning("configuration warning", metadata: [LogKey.error: .string(warning)])
        }
        do {
            try await HelperServer(settings: settings, log: log, reread: source.read).run()
            return ExitStatus.success
        } catch {
            log.logger.critical("cannot start", metadata: [LogKey.error: .string("\(error)")])
            StandardStreams.error("mlaas-helper: \(error)")
            return ExitStatus.unavailable
        }
    }
}
