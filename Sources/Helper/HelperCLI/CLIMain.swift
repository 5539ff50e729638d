package import Arguments
import EventLoop
import FoundationEssentials

/// The command line `mlaas`: finds the command and runs it.
package enum CLIMain {
    private static let commands: [any CLICommand.Type] = [
        LoginCommand.self, LogoutCommand.self, WhoamiCommand.self, ServicesCommand.self, PlansCommand.self,
        KeyGetCommand.self, KeysCommand.self, KeyShowCommand.self, KeyRevealCommand.self, KeyRotateCommand.self,
        KeyPlanCommand.self, KeyPauseCommand.self, KeyResumeCommand.self, KeyRevokeCommand.self, KeyTestCommand.self,
        KeyUsageCommand.self,
        EnvCommand.self, RunCommand.self, CompletionCommand.self, ManCommand.self,
    ]

    package static let grammar = CommandLineGrammar(
        program: "mlaas", abstract: "Keys for your company's machine-learning models, from a terminal.",
        commands: commands.map { $0.grammar }, runsFirst: false,
        options: [
            .init(
                "server", value: "URL",
                "The helper to talk to, which is your company's MLaaS server; else MLAAS_SERVER, else that of the last login"
            ),
            .init("json", "Print JSON"), .init("version", "Print the version"),
        ],
        topics: [
            .init(
                "Environment",
                [
                    ("MLAAS_SERVER", "The helper to talk to, where --server names none"),
                    ("MLAAS_TOKEN", "An access token for a job without a person; no sign-in is used"),
                    ("BROWSER", "The program that opens the sign-in page"),
                    ("HTTPS_PROXY", "The proxy; also HTTP_PROXY, and NO_PROXY for hosts that need none"),
                    ("CA_BUNDLE", "A file of a company's certificate authorities, trusted besides the system's"),
                    ("XDG_STATE_HOME", "Sign-ins are kept in its folder mlaas; else in ~/.local/state/mlaas"),
                    ("NO_COLOR", "Set to anything: no colours"),
                ]),
            .init(
                "Exit status",
                [
                    ("0", "Done"), ("1", "Refused, or failed here: standard error says why and what to do"),
                    ("2", "The command line or the environment is wrong"), ("3", "Sign in first: mlaas login"),
                    ("4", "The server or Keycloak cannot be reached now: try again later"),
                    ("126", "run: the program is there and cannot be run"), ("127", "run: there is no such program"),
                ]),
            .init("States of a key", group: "key", keyStates),
        ],
        meanings: [
            "key list": "keys", "key ls": "keys", "key delete": "key revoke", "key remove": "key revoke",
            "key rm": "key revoke", "key create": "key get", "key new": "key get", "key add": "key get",
            "list": "services", "-v": "--version", "-V": "--version",
        ])

    private static let keyStates = [
        (term: "live", text: "It works"), (term: "pending", text: "The operator has yet to approve its plan"),
        (term: "paused", text: "You have stopped it: key resume lets it work again"),
        (term: "suspended", text: "The operator has stopped it: ask why"),
        (term: "retiring", text: "A successor has replaced it, and it works until the time that is shown"),
        (term: "expired", text: "Its time is over: revoke it, and make another"),
    ]

    /// - Parameter arguments: without the program's name.
    /// - Returns: the exit status.
    package static func run(_ arguments: [String]) async -> Int32 {
        let invocation: CommandLineGrammar.Invocation
        do throws(CommandLineGrammar.UsageError) {
            invocation = try grammar.parse(arguments)
        } catch {
            StandardStreams.error("mlaas: \(Console.printable(error.description))")
            return ExitStatus.usage.rawValue
        }
        let environment = ProcessInfo.processInfo.environment
        let console = Console(environment: environment)
        do throws(CommandFailure) {
            if let help = invocation.help {
                try console.output(help.trimmingEnd())
            } else if invocation.flags.contains("version") {
                try console.output("mlaas \(CLIVersion.number)")
            } else if let command = commands.first(where: { $0.grammar.name == invocation.command }) {
                try await run(command, invocation, environment, console)
            }
            return ExitStatus.done.rawValue
        } catch {
            console.report(error)
            return error.status.rawValue
        }
    }

    private static func run(
        _ command: any CLICommand.Type, _ invocation: CommandLineGrammar.Invocation, _ environment: [String: String],
        _ console: Console
    ) async throws(CommandFailure) {
        Programs.ignoreFileSizeSignal()
        let context = CommandContext(invocation: invocation, environment: environment, console: console)
        let next: NextProgram?
        do throws(CommandFailure) {
            next = try await command.run(context)
        } catch {
            await context.close()
            throw error
        }
        await context.close()
        if let next { throw next.start() }
    }
}

extension String {
    fileprivate func trimmingEnd() -> String {
        var text = self
        while text.hasSuffix("\n") { text.removeLast() }
        return text
    }
}

/// A command of `mlaas`.
protocol CLICommand: Sendable {
    static var grammar: CommandLineGrammar.Command { get }

    /// Does the work.
    /// - Returns: a program that takes our place, for a command that runs one.
    static func run(_ context: CommandContext) async throws(CommandFailure) -> NextProgram?
}

/// A program that takes the place of this one.
struct NextProgram: Sendable {
    let command: [String]
    let variables: [(name: String, value: String)]
    /// Taken out of its environment.
    let removed: [String]

    /// - Returns: why it could not be started.
    func start() -> CommandFailure {
        // The program gets the key and not what the key was got with.
        let code = Programs.replaceProcess(by: command, setting: variables, removing: removed + ["MLAAS_TOKEN"])
        let name = command.first ?? ""
        let isNotFound = Programs.isNotFound(code)
        return CommandFailure(
            isNotFound ? .notFound : .notExecutable, "'\(name)' cannot be started: \(Programs.words(code)).",
            hints: [isNotFound ? "Check its name, and PATH." : "Check that it is a program that you may run."])
    }
}
