import Arguments
import Configuration
import EventLoop

/// `config check`.
struct ConfigCheckCommand: Subcommand {
    static let grammar = CommandLineGrammar.Command(
        "config check", "Check the configuration and print everything that is wrong with it",
        options: [ConfigurationSource.option])

    let source: ConfigurationSource

    init(_ invocation: CommandLineGrammar.Invocation) { source = ConfigurationSource(invocation) }

    func run() async -> Int32 {
        guard source.settings() != nil else { return ExitStatus.configuration }
        StandardStreams.output("The configuration is good.")
        return ExitStatus.success
    }
}

/// `config print`.
struct ConfigPrintCommand: Subcommand {
    static let grammar = CommandLineGrammar.Command(
        "config print", "Print the values in force and where each comes from, secrets redacted",
        options: [ConfigurationSource.option])

    let source: ConfigurationSource

    init(_ invocation: CommandLineGrammar.Invocation) { source = ConfigurationSource(invocation) }

    func run() async -> Int32 {
        let outcome = source.read()
        let entries =
            switch outcome {
            case .problems(_, let entries, _), .settings(_, let entries, _): entries
            }
        StandardStreams.output(
            "# Read now. A helper that runs has what it read at its start; its last log line 'reload finished' says what it\n"
                + "# read again, and when. SIGHUP reads files again, of these settings only:\n"
                + "# \(Reloader.settings.joined(separator: ", ")).")
        for entry in entries {
            let value = entry.effective.map { "\(entry.key)=\($0)" } ?? "# \(entry.key) is not set"
            StandardStreams.output(value + (entry.source.map { "  # from \($0)" } ?? ""))
        }
        return ConfigurationSource.report(outcome) == nil ? ExitStatus.configuration : ExitStatus.success
    }
}

/// `config reference`.
struct ConfigReferenceCommand: Subcommand {
    static let grammar = CommandLineGrammar.Command("config reference", "Print every setting as Markdown tables")

    init(_ invocation: CommandLineGrammar.Invocation) {}

    func run() async -> Int32 {
        StandardStreams.output(ConfigReference(Settings.declarations).markdown)
        return ExitStatus.success
    }
}

/// `config example`.
struct ConfigExampleCommand: Subcommand {
    static let grammar = CommandLineGrammar.Command("config example", "Print a .env file to fill in")

    init(_ invocation: CommandLineGrammar.Invocation) {}

    func run() async -> Int32 {
        StandardStreams.output(ConfigReference(Settings.declarations).environmentFile)
        return ExitStatus.success
    }
}
