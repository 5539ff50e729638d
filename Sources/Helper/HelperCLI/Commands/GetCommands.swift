import Arguments
import JSON

/// `key get`.
struct KeyGetCommand: CLICommand {
    static let grammar = CommandLineGrammar.Command(
        "key get", "Print your key for a service, and make it first where you have none",
        operands: [CommonWords.service], options: [CommonWords.name, CommonWords.plan, CommonWords.format],
        details: [
            "Prints the key alone, for scripts. A repeated call prints the same key, whatever --plan says: see 'mlaas key "
                + "plan'. --format env prints lines for a .env file, json everything that a program needs, curl a command "
                + "that lists the service's models.",
            "A shell makes files that other users may read: 'umask 077' before it keeps a new .env private.",
        ],
        examples: [
            "mlaas key get granite_chat", "mlaas key get granite_chat --name batch --plan basic",
            "(umask 077; mlaas key get granite_chat --format env > .env)",
        ])

    static func run(_ context: CommandContext) async throws(CommandFailure) -> NextProgram? {
        try KeySource.print(try await KeySource.key(context, try context.api()), context)
        return nil
    }
}

/// `env`.
struct EnvCommand: CLICommand {
    static let grammar = CommandLineGrammar.Command(
        "env", "Print OPENAI_BASE_URL and OPENAI_API_KEY for a shell",
        operands: [CommonWords.service], options: [CommonWords.name, CommonWords.plan],
        details: [CommonWords.customHeaders],
        examples: ["eval \"$(mlaas env granite_chat)\""])

    static func run(_ context: CommandContext) async throws(CommandFailure) -> NextProgram? {
        let key = try await KeySource.key(context, try context.api())
        if context.wantsJSON {
            try context.console.output(
                json: .object(.init(try key.variables().map { ($0.name, .string($0.value)) })))
        } else {
            try context.console.output(try key.lines(exports: true))
        }
        if let caution = key.caution { context.console.say(caution) }
        return nil
    }
}

/// `run`.
struct RunCommand: CLICommand {
    static let grammar = CommandLineGrammar.Command(
        "run", "Run a command with OPENAI_BASE_URL and OPENAI_API_KEY in its environment",
        operands: [CommonWords.service], rest: .init("COMMAND", "A program with its arguments"),
        options: [CommonWords.name, CommonWords.plan],
        details: [
            "The command takes the place of mlaas: its exit status is the status, and signals reach it. The key is in its "
                + "environment alone, in no file and no argument.",
            CommonWords.customHeaders,
        ], examples: ["mlaas run granite_chat -- python app.py"])

    static func run(_ context: CommandContext) async throws(CommandFailure) -> NextProgram? {
        let key = try await KeySource.key(context, try context.api())
        if let caution = key.caution { context.console.say(caution) }
        return NextProgram(command: context.invocation.rest, variables: try key.variables())
    }
}
