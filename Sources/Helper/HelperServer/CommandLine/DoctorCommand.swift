import Arguments
import Doctor
import EventLoop
import Telemetry

/// `doctor`.
struct DoctorCommand: Subcommand {
    private static let json = CommandLineGrammar.Option("json", "Print JSON")
    private static let tokenFile = CommandLineGrammar.Option(
        "token-file", value: "PATH", "Look at the access token in that file too")
    private static let who = CommandLineGrammar.Option(
        "who", value: "NAME", "Say which 3scale account belongs to that Keycloak name, and look at nothing else")

    static let grammar = CommandLineGrammar.Command(
        "doctor", "Examine the configured systems and say what is wrong and what to do",
        options: [ConfigurationSource.option, json, tokenFile, SubjectsFile.option, who])

    private let source: ConfigurationSource
    private let printsJSON: Bool
    private let tokenFile: String?
    private let who: String?
    private let subjectsFile: String?

    init(_ invocation: CommandLineGrammar.Invocation) {
        source = ConfigurationSource(invocation)
        printsJSON = invocation.flags.contains(Self.json.name)
        tokenFile = invocation.values[Self.tokenFile.name]
        who = invocation.values[Self.who.name]
        subjectsFile = invocation.values[SubjectsFile.option.name]
    }

    func run() async -> Int32 {
        guard let settings = source.settings() else { return ExitStatus.configuration }
        let subjects = subjectsFile.flatMap(SubjectsFile.read)
        if subjectsFile != nil, subjects == nil { return ExitStatus.usage }
        let logger = Logger(label: "mlaas", handler: SwiftLogNoOpLogHandler())
        let server = HelperServer(settings: settings, log: LogOutput(logger), reread: source.read)
        let report = await server.examine(tokenFile: tokenFile, who: who, subjects: subjects)
        StandardStreams.output(
            printsJSON
                ? String(decoding: report.json, as: UTF8.self)
                : report.text(usesColour: StandardStreams.outputIsTerminal))
        return report.exitStatus
    }
}
