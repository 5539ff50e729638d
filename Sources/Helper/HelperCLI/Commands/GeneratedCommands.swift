import Arguments

/// `completion`.
struct CompletionCommand: CLICommand {
    static let grammar = CommandLineGrammar.Command(
        "completion", "Print a script that completes commands and options in a shell",
        operands: [.init("SHELL", "The shell", choices: ["bash", "zsh", "fish"])],
        examples: [
            "mlaas completion bash > /etc/bash_completion.d/mlaas",
            "mlaas completion fish > ~/.config/fish/completions/mlaas.fish",
        ])

    static func run(_ context: CommandContext) async throws(CommandFailure) -> NextProgram? {
        let completion = CommandLineCompletion(CLIMain.grammar)
        switch context.operand() {
        case "zsh": try context.console.output(completion.zsh)
        case "fish": try context.console.output(completion.fish)
        default: try context.console.output(completion.bash)
        }
        return nil
    }
}

/// `man`.
struct ManCommand: CLICommand {
    static let grammar = CommandLineGrammar.Command(
        "man", "Print the manual page", examples: ["mlaas man | man -l -"])

    static func run(_ context: CommandContext) async throws(CommandFailure) -> NextProgram? {
        try context.console.output(ManPage.text(CLIMain.grammar, version: CLIVersion.number))
        return nil
    }
}
