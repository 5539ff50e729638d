import Arguments
import EventLoop

/// `healthcheck`: what a container engine runs to learn whether the server lives.
struct HealthcheckCommand: Subcommand {
    private static let ready = CommandLineGrammar.Option(
        "ready", "Fail also when the server is not ready for requests")

    static let grammar = CommandLineGrammar.Command(
        "healthcheck", "Ask the server of this configuration whether it lives, or with --ready is ready",
        options: [ConfigurationSource.option, ready])

    private let source: ConfigurationSource
    private let asksForReadiness: Bool

    init(_ invocation: CommandLineGrammar.Invocation) {
        source = ConfigurationSource(invocation)
        asksForReadiness = invocation.flags.contains(Self.ready.name)
    }

    func run() async -> Int32 {
        // The server has logged its warnings; a container engine keeps what each of its checks prints.
        guard let settings = source.settings(showsWarnings: false) else { return ExitStatus.configuration }
        let probe = HealthProbe(
            host: settings.host, port: settings.port, ready: asksForReadiness,
            certificateFile: settings.tls?.certificate)
        guard let problem = await probe.problem() else { return ExitStatus.success }
        StandardStreams.error("mlaas-helper: \(problem)")
        return ExitStatus.unhealthy
    }
}
