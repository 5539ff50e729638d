import Arguments
import EventLoop
import HelperCore
import Telemetry

/// `owners move`.
struct OwnersMoveCommand: Subcommand {
    private static let from = CommandLineGrammar.Option(
        "from", value: "ISSUER", "The identity issuer that the marks were made with")
    private static let to = CommandLineGrammar.Option("to", value: "ISSUER", "The identity issuer that they get")
    private static let apply = CommandLineGrammar.Option("apply", "Change 3scale; without it nothing is written")

    static let grammar = CommandLineGrammar.Command(
        "owners move", "Rewrite owner marks in 3scale after a realm got another identity issuer",
        options: [ConfigurationSource.option, from, to, SubjectsFile.option, apply])

    private let source: ConfigurationSource
    private let invocation: CommandLineGrammar.Invocation

    init(_ invocation: CommandLineGrammar.Invocation) {
        source = ConfigurationSource(invocation)
        self.invocation = invocation
    }

    func run() async -> Int32 {
        guard let from = invocation.values[Self.from.name], let to = invocation.values[Self.to.name],
            let path = invocation.values[SubjectsFile.option.name], from != to
        else {
            StandardStreams.error("mlaas-helper: owners move needs --from, --to (another issuer) and --subjects")
            return ExitStatus.usage
        }
        guard let subjects = SubjectsFile.read(path) else { return ExitStatus.usage }
        guard let settings = source.settings() else { return ExitStatus.configuration }
        let logger = Logger(label: "mlaas", handler: SwiftLogNoOpLogHandler())
        let server = HelperServer(settings: settings, log: LogOutput(logger), reread: source.read)
        let isDryRun = !invocation.flags.contains(Self.apply.name)
        do throws(APIManagerError) {
            let counts = try await server.moveOwners(from: from, to: to, subjects: subjects, isDryRun: isDryRun) {
                StandardStreams.output($0)
            }
            StandardStreams.output(
                "\(isDryRun ? "Would change" : "Changed") \(counts.changed), already moved \(counts.moved), skipped "
                    + "\(counts.unmarked + counts.unlisted) (\(counts.unmarked) without a mark, \(counts.unlisted) of owners "
                    + "who are not listed), failed \(counts.failed)."
                    + (isDryRun ? " Nothing was written: repeat with --apply." : ""))
            return counts.failed == 0 ? ExitStatus.success : ExitStatus.unhealthy
        } catch {
            StandardStreams.error(
                "mlaas-helper: 3scale could not be read: \(error.cause). Run it again: what was "
                    + "changed stays changed.")
            return ExitStatus.unavailable
        }
    }
}
