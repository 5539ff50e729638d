import Arguments
import JSON

/// `key get`.
struct KeyGetCommand: CLICommand {
    static let grammar = CommandLineGrammar.Command(
        "key get", "Print your key for a service, and make it first where you have none",
        operands: [CommonWords.service],
        options: [CommonWords.name, CommonWords.plan, CommonWords.format, CommonWords.output],
        details: [
            "Prints the key alone, for scripts. A repeated call prints the same key, whatever --plan says: see 'mlaas key "
                + "plan'. --format env prints lines for a .env file, json everything that a program needs, curl a command "
                + "that lists the service's models.",
            "'> .env' would empty the file before this command has a key, and let other users read it: --output does "
                + "neither.",
        ],
        examples: [
            "mlaas key get granite_chat", "mlaas key get granite_chat --name batch --plan basic",
            "mlaas key get granite_chat --format env --output .env",
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
        operands: [CommonWords.service], options: [CommonWords.name, CommonWords.plan, CommonWords.output],
        details: [
            CommonWords.makesKey, CommonWords.customHeaders,
            "It also unsets those of its variables that this service does not use, so that no key for another service is left "
                + "in them. Write the quotes of the example: without them a shell breaks up values with blanks.",
        ],
        examples: ["eval \"$(mlaas env granite_chat)\""])

    static func run(_ context: CommandContext) async throws(CommandFailure) -> NextProgram? {
        let key = try await KeySource.key(context, try context.api())
        if context.wantsJSON {
            let variables = JSONValue.object(.init(try key.variables().map { ($0.name, .string($0.value)) }))
            try KeySource.write(Console.text(variables), context)
        } else {
            try KeySource.write(try key.lines(exports: true), context)
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
            CommonWords.makesKey,
            "The command takes the place of mlaas: its exit status is the status, and signals reach it. The key is in its "
                + "environment alone, in no file and no argument. Those variables of env that this service does not use are "
                + "removed from it. Status 126: the command cannot be run; 127: there is none.",
            CommonWords.customHeaders,
        ], examples: ["mlaas run granite_chat -- python app.py"])

    static func run(_ context: CommandContext) async throws(CommandFailure) -> NextProgram? {
        let key = try await KeySource.key(context, try context.api())
        if let caution = key.caution { context.console.say(caution) }
        let variables = try key.variables()
        return NextProgram(
            command: context.invocation.rest, variables: variables, removed: KeyOutput.unused(by: variables))
    }
}
