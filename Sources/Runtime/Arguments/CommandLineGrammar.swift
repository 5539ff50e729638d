/// What a command line may hold. Small on purpose: where swift-argument-parser is available, a command becomes a
/// `ParsableCommand` with the same names.
package struct CommandLineGrammar: Sendable {
    package struct Command: Sendable {
        /// One or two words, such as `config check`.
        package let name: String
        package let abstract: String
        /// What follows the name, in order.
        package let operands: [Operand]
        /// What follows `--`: a command line of another program.
        package let rest: Operand?
        /// Those of this command alone.
        package let options: [Option]
        /// Paragraphs below the usage.
        package let details: [String]
        /// Lines to try, without the program's name.
        package let examples: [String]

        package init(
            _ name: String, _ abstract: String, operands: [Operand] = [], rest: Operand? = nil, options: [Option] = [],
            details: [String] = [], examples: [String] = []
        ) {
            self.name = name
            self.abstract = abstract
            self.operands = operands
            self.rest = rest
            self.options = options
            self.details = details
            self.examples = examples
        }
    }

    /// A word that a command takes besides its options.
    package struct Operand: Sendable {
        /// In capitals, as the help shows it.
        package let name: String
        package let help: String
        /// The words that it may be; empty for any.
        package let choices: [String]
        package let isRequired: Bool

        package init(_ name: String, _ help: String, choices: [String] = [], isRequired: Bool = true) {
            self.name = name
            self.help = help
            self.choices = choices
            self.isRequired = isRequired
        }
    }

    package struct Option: Sendable {
        /// Without the dashes.
        package let name: String
        /// What stands for its value in the help; nil for a flag.
        package let valueName: String?
        package let help: String
        /// The values that it may have; empty for any.
        package let choices: [String]

        package init(_ name: String, value: String? = nil, choices: [String] = [], _ help: String) {
            self.name = name
            valueName = value
            self.choices = choices
            self.help = help
        }
    }

    /// A table at the end of the program's help and of its manual page, such as its exit statuses.
    package struct Topic: Sendable {
        package let title: String
        package let rows: [(term: String, text: String)]
        /// The first word of the commands whose help shows it; empty for the whole program's.
        package let group: String

        package init(_ title: String, group: String = "", _ rows: [(term: String, text: String)]) {
            self.title = title
            self.group = group
            self.rows = rows
        }
    }

    package let program: String
    package let abstract: String
    /// Empty for a program without commands.
    package let commands: [Command]
    /// Whether the first command is run when none is named; else the help is shown.
    package let runsFirst: Bool
    /// Options that any command takes; `--help` is one of them.
    package let options: [Option]
    package let topics: [Topic]
    /// What people mean who write a command or an option that is none and resembles none.
    package let meanings: [String: String]

    package init(
        program: String, abstract: String, commands: [Command] = [], runsFirst: Bool = true, options: [Option] = [],
        topics: [Topic] = [], meanings: [String: String] = [:]
    ) {
        self.program = program
        self.abstract = abstract
        self.commands = commands
        self.runsFirst = runsFirst
        self.options = options + [Option("help", "Print this text")]
        self.topics = topics
        self.meanings = meanings
    }

    /// What was asked for.
    package struct Invocation: Sendable, Equatable {
        /// One of the commands' names; empty for a program without commands.
        package var command: String
        package var operands: [String] = []
        /// What stands behind `--`, for a command that takes it.
        package var rest: [String] = []
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
        var behindDashes: [String]?
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            if argument == "--" {
                behindDashes = Array(rest)
                break
            }
            guard argument.hasPrefix("-"), argument != "-" else {
                words.append(argument)
                continue
            }
            try read(argument, &rest, &invocation)
        }
        let asksForHelp = !commands.isEmpty && words.first == "help"
        let named = Array(words.dropFirst(asksForHelp ? 1 : 0))
        let known = command(at: named)
        if let known {
            invocation.command = known.name
            invocation.operands = Array(named.dropFirst(Self.wordCount(known.name)))
        }
        let group = known == nil ? named.joined(separator: " ") : ""
        if known == nil, !named.isEmpty, !isGroup(group) { throw unknownCommand(named) }
        let isIncomplete = isGroup(group) || (named.isEmpty && !runsFirst && !invocation.flags.contains("version"))
        if asksForHelp || isIncomplete || invocation.flags.contains("help") {
            invocation.help = help(for: known?.name ?? group)
        } else if named.isEmpty, !runsFirst {
            return invocation
        } else {
            try check(&invocation, behindDashes)
        }
        return invocation
    }

    private static func wordCount(_ name: String) -> Int { name.split(separator: " ").count }

    /// The command whose name the words begin with, the longest one.
    private func command(at words: [String]) -> Command? {
        for count in [2, 1] where words.count >= count {
            let name = words.prefix(count).joined(separator: " ")
            let found = commands.first { $0.name == name }
            // A word too many for a command without operands makes the whole text a name that is not known.
            if let found, count == words.count || !found.operands.isEmpty || found.rest != nil { return found }
        }
        return nil
    }

    private func unknownCommand(_ words: [String]) -> UsageError {
        let name = words.joined(separator: " ")
        let isInGroup = isGroup(words[0])
        let tried = isInGroup ? words.prefix(2).joined(separator: " ") : words[0]
        let names = commands.map(\.name).filter { isInGroup ? $0.hasPrefix(words[0] + " ") : !$0.contains(" ") }
        let groups =
            isInGroup ? [] : commands.compactMap { $0.name.split(separator: " ").dropLast().first.map(String.init) }
        let near = meanings[tried] ?? NearMiss.best(for: tried, among: names + groups)
        return UsageError(
            description: "unknown command '\(name)'; " + (near.map { "did you mean '\($0)'? See" } ?? "see")
                + " '\(program) help'")
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
            let names = (options + commands.flatMap(\.options)).map(\.name)
            let near = meanings[argument] ?? NearMiss.best(for: name, among: names).map { "--\($0)" }
            throw UsageError(
                description: "unknown option '\(argument)'; " + (near.map { "did you mean '\($0)'? See" } ?? "see")
                    + " '\(program) --help'")
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
        guard option.choices.isEmpty || option.choices.contains(value) else {
            throw UsageError(
                description: "option '--\(name)' is one of \(option.choices.joined(separator: ", ")), not '\(value)'")
        }
        invocation.values[name] = value
    }

    /// Refuses options that belong to other commands only.
    private func check(_ invocation: inout Invocation, _ behindDashes: [String]?) throws(UsageError) {
        let command = commands.first { $0.name == invocation.command }
        try takeOperands(command, &invocation, behindDashes)
        let own = command?.options ?? []
        let known = Set((options + own).map(\.name))
        for name in (Array(invocation.values.keys) + invocation.flags).sorted() where !known.contains(name) {
            let owners = commands.filter { $0.options.contains { $0.name == name } }.map { "'\($0.name)'" }
            throw UsageError(
                description: "'\(invocation.command)' takes no option '--\(name)', which belongs to "
                    + owners.joined(separator: ", "))
        }
    }

    private func takeOperands(
        _ command: Command?, _ invocation: inout Invocation, _ behindDashes: [String]?
    ) throws(UsageError) {
        let usage = command.map { "; usage: \(program) \($0.usage)" } ?? ""
        if command?.rest != nil {
            invocation.rest = behindDashes ?? []
        } else {
            invocation.operands += behindDashes ?? []
        }
        let operands = command?.operands ?? []
        let shown = command.map { "'\($0.name)'" } ?? program
        if invocation.operands.count > operands.count {
            let extra = invocation.operands[operands.count]
            throw UsageError(description: "\(shown) does not know what to do with '\(extra)'\(usage)")
        }
        if let missing = operands.dropFirst(invocation.operands.count).first(where: \.isRequired) {
            throw UsageError(description: "\(shown) needs \(missing.name)\(usage)")
        }
        if let rest = command?.rest, rest.isRequired, invocation.rest.isEmpty {
            throw UsageError(description: "\(shown) needs \(rest.name) behind '--'\(usage)")
        }
        for (operand, word) in zip(operands, invocation.operands) where !operand.choices.isEmpty {
            if !operand.choices.contains(word) {
                let choices = operand.choices.joined(separator: ", ")
                throw UsageError(description: "\(operand.name) is one of \(choices), not '\(word)'")
            }
        }
    }
}

extension CommandLineGrammar.Command {
    /// The command with its operands, as a line of the help.
    package var usage: String {
        let words = operands.map { $0.isRequired ? $0.name : "[\($0.name)]" }
        return ([name] + words + ["[options]"] + (rest.map { ["--", $0.name] } ?? [])).joined(separator: " ")
    }
}
