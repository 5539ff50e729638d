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
