package import Arguments
import EventLoop

/// The command line of `mlaas-helper`: finds the command and runs it.
package enum HelperMain {
    private static let subcommands: [any Subcommand.Type] = [
        ServeCommand.self, HealthcheckCommand.self, DoctorCommand.self, ConfigCheckCommand.self,
        ConfigPrintCommand.self, ConfigReferenceCommand.self, ConfigExampleCommand.self,
        OwnersMoveCommand.self,
    ]

    package static let grammar = CommandLineGrammar(
        program: "mlaas-helper", abstract: "The gateway by which people get API keys for machine-learning model APIs.",
        commands: subcommands.map { $0.grammar }, options: [.init("version", "Print the version")])

    /// - Parameter arguments: without the program's name.
    /// - Returns: the exit status.
    package static func run(_ arguments: [String]) async -> Int32 {
        let invocation: CommandLineGrammar.Invocation
        do throws(CommandLineGrammar.UsageError) {
            invocation = try grammar.parse(arguments)
        } catch {
            StandardStreams.error("mlaas-helper: \(error)")
            return ExitStatus.usage
        }
        if let help = invocation.help {
            StandardStreams.output(help)
            return ExitStatus.success
        }
        if invocation.flags.contains("version") {
            StandardStreams.output("mlaas-helper \(Version.number)")
            return ExitStatus.success
        }
        guard let subcommand = subcommands.first(where: { $0.grammar.name == invocation.command }) else {
            preconditionFailure("Invalid state: no command '\(invocation.command)'")
        }
        return await subcommand.init(invocation).run()
    }
}
