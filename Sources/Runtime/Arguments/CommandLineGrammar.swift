/// What a command line may hold. Small on purpose: where swift-argument-parser is available, a command becomes a
/// `ParsableCommand` with the same names.
package struct CommandLineGrammar: Sendable {
    package struct Command: Sendable {
        /// One or two words, such as `config check`.
        package let name: String
        package let abstract: String
        /// Those of this command alone.
        package let options: [Option]

        package init(_ name: String, _ abstract: String, options: [Option] = []) {
            self.name = name
            self.abstract = abstract
            self.options = options
        }
    }

    package struct Option: Sendable {
        /// Without the dashes.
        package let name: String
        /// What stands for its value in the help; nil for a flag.
        package let valueName: String?
        package let help: String

        package init(_ name: String, value: String? = nil, _ help: String) {
            self.name = name
            valueName = value
            self.help = help
        }
    }

    package let program: String
    package let abstract: String
    /// The first is run when none is named; empty for a program without commands.
    package let commands: [Command]
    /// Options that any command takes; `--help` is one of them.
    package let options: [Option]

    package init(program: String, abstract: String, commands: [Command] = [], options: [Option] = []) {
        self.program = program
        self.abstract = abstract
        self.commands = commands
        self.options = options + [Option("help", "Print this text")]
    }

    /// What was asked for.
    package struct Invocation: Sendable, Equatable {
        /// One of the commands' names; empty for a program without commands.
        package var command: String
        package var values: [String: String] = [:]
        package var flags: Set<String> = []
        /// The text to print instead of running the command: the line asks for it, or names a group of commands alone.
        package var help: String?
    }

    /// A line that does not fit, in words that say what to do. The exit status for it is 64 (EX_USAGE).
    package struct UsageError: Error, Sendable, Equatable, CustomStringConvertible {
        package let description: String

        package init(description: String) { self.description = description }
    }

    // MARK: Reading

    /// - Parameter arguments: without the program's name.
    package func parse(_ arguments: [String]) throws(UsageError) -> Invocation {
        var invocation = Invocation(command: commands.first?.name ?? "")
        var words: [String] = []
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            guard argument.hasPrefix("-"), argument != "-" else {
                words.append(argument)
                continue
            }
            try read(argument, &rest, &invocation)
        }
        let asksForHelp = !commands.isEmpty && words.first == "help"
        let name = words.dropFirst(asksForHelp ? 1 : 0).joined(separator: " ")
        if let known = commands.first(where: { $0.name == name }) {
            invocation.command = known.name
        } else if !name.isEmpty, !isGroup(name) {
            throw UsageError(description: "unknown command '\(name)'; see '\(program) help'")
        }
        if asksForHelp || isGroup(name) || invocation.flags.contains("help") {
            invocation.help = help(for: name)
        } else {
            try check(invocation)
        }
        return invocation
    }

    /// Whether a word begins the names of several commands and is none itself.
    private func isGroup(_ name: String) -> Bool { commands.contains { $0.name.hasPrefix(name + " ") } }

    /// Reads one option of whichever command, and its value.
    private func read(
        _ argument: String, _ rest: inout ArraySlice<String>, _ invocation: inout Invocation
    ) throws(UsageError) {
        let parts = argument.drop { $0 == "-" }.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let name = parts[0] == "h" ? "help" : String(parts[0])
        guard let option = (options + commands.flatMap(\.options)).first(where: { $0.name == name }) else {
            throw UsageError(description: "unknown option '\(argument)'; see '\(program) --help'")
        }
        guard let valueName = option.valueName else {
            guard parts.count == 1 else { throw UsageError(description: "option '--\(name)' takes no value") }
            invocation.flags.insert(name)
            return
        }
        guard invocation.values[name] == nil else {
            throw UsageError(description: "option '--\(name)' is given twice")
        }
        guard let value = parts.count == 2 ? String(parts[1]) : rest.popFirst(), !value.isEmpty else {
            throw UsageError(description: "option '--\(name)' needs a value: --\(name) \(valueName)")
        }
        invocation.values[name] = value
    }

    /// Refuses options that belong to other commands only.
    private func check(_ invocation: Invocation) throws(UsageError) {
        let own = commands.first { $0.name == invocation.command }?.options ?? []
        let known = Set((options + own).map(\.name))
        for name in (Array(invocation.values.keys) + invocation.flags).sorted() where !known.contains(name) {
            let owners = commands.filter { $0.options.contains { $0.name == name } }.map { "'\($0.name)'" }
            throw UsageError(
                description: "'\(invocation.command)' takes no option '--\(name)', which belongs to "
                    + owners.joined(separator: ", "))
        }
    }

    // MARK: Help

    /// Wrapped to 80 columns.
    /// - Parameter name: a command, or the first word of several; empty for the whole program.
    package func help(for name: String = "") -> String {
        if let command = commands.first(where: { $0.name == name }) {
            return command.abstract + ".\n\nUsage: \(program) \(name) [options]\n"
                + Self.section("Options", (command.options + options).map(Self.row))
        }
        let shown = name.isEmpty ? commands : commands.filter { $0.name.hasPrefix(name + " ") }
        let usage = ([program, name] + (commands.isEmpty ? [] : ["[command]"]) + ["[options]"])
            .filter { !$0.isEmpty }.joined(separator: " ")
        var text = name.isEmpty ? "\(abstract)\n\n" : ""
        text += "Usage: \(usage)\n"
        text += Self.section(
            "Commands",
            shown.map { ($0.name, $0.abstract + ($0.name == commands.first?.name ? " (default)" : "")) })
        text += Self.section("Options", options.map(Self.row))
        if !commands.isEmpty { text += "\n'\(program) help [command]' shows the options of a command.\n" }
        return text
    }

    private static func row(_ option: Option) -> (String, String) {
        ("--\(option.name)" + (option.valueName.map { " \($0)" } ?? ""), option.help)
    }

    private static func section(_ title: String, _ rows: [(String, String)]) -> String {
        guard !rows.isEmpty else { return "" }
        let width = (rows.map(\.0.count).max() ?? 0) + 4
        var text = "\n\(title):\n"
        for (left, right) in rows {
            let lines = wrap(right, 80 - width)
            text += "  " + left + String(repeating: " ", count: width - left.count - 2) + (lines.first ?? "") + "\n"
            for line in lines.dropFirst() { text += String(repeating: " ", count: width) + line + "\n" }
        }
        return text
    }

    private static func wrap(_ text: String, _ width: Int) -> [String] {
        var lines = [""]
        for word in text.split(separator: " ") {
            let line = lines[lines.count - 1]
            if line.isEmpty {
                lines[lines.count - 1] = String(word)
            } else if line.count + 1 + word.count <= width {
                lines[lines.count - 1] = line + " " + word
            } else {
                lines.append(String(word))
            }
        }
        return lines
    }
}
