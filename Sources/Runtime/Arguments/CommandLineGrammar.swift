/// What a command line may hold. Small on purpose: when swift-argument-parser can be had, a command becomes a
/// `ParsableCommand` with the same names.
package struct CommandLineGrammar: Sendable {
    package struct Command: Sendable {
        /// One or two words, such as `config check`.
        package let name: String
        package let abstract: String

        package init(_ name: String, _ abstract: String) {
            self.name = name
            self.abstract = abstract
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
    package let options: [Option]

    package init(program: String, abstract: String, commands: [Command] = [], options: [Option]) {
        self.program = program
        self.abstract = abstract
        self.commands = commands
        self.options = options
    }

    /// What was asked for.
    package struct Invocation: Sendable, Equatable {
        /// One of the commands' names; empty for a program without commands.
        package var command: String
        package var values: [String: String] = [:]
        package var flags: Set<String> = []
    }

    /// A line that does not fit, in words that say what to do. The exit status for it is 64 (EX_USAGE).
    package struct UsageError: Error, Sendable, Equatable, CustomStringConvertible {
        package let description: String

        package init(description: String) { self.description = description }
    }

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
            let parts = argument.drop { $0 == "-" }.split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = parts[0] == "h" ? "help" : String(parts[0])
            guard let option = options.first(where: { $0.name == name }) else {
                throw UsageError(description: "unknown option '\(argument)'; see '\(program) --help'")
            }
            if option.valueName == nil {
                guard parts.count == 1 else { throw UsageError(description: "option '--\(name)' takes no value") }
                invocation.flags.insert(name)
                continue
            }
            guard invocation.values[name] == nil else {
                throw UsageError(description: "option '--\(name)' is given twice")
            }
            guard let value = parts.count == 2 ? String(parts[1]) : rest.popFirst(), !value.isEmpty else {
                throw UsageError(description: "option '--\(name)' needs a value: --\(name) \(option.valueName ?? "")")
            }
            invocation.values[name] = value
        }
        if !words.isEmpty {
            let name = words.joined(separator: " ")
            guard commands.contains(where: { $0.name == name }) else {
                throw UsageError(description: "unknown command '\(name)'; see '\(program) --help'")
            }
            invocation.command = name
        }
        return invocation
    }

    /// Wrapped to 80 columns.
    package var help: String {
        var text = "\(abstract)\n\nUsage: \(program)\(commands.isEmpty ? "" : " [command]") [options]\n"
        func section(_ title: String, _ rows: [(String, String)]) {
            guard !rows.isEmpty else { return }
            let width = (rows.map(\.0.count).max() ?? 0) + 4
            text += "\n\(title):\n"
            for (left, right) in rows {
                let lines = Self.wrap(right, 80 - width)
                text += "  " + left + String(repeating: " ", count: width - left.count - 2) + (lines.first ?? "") + "\n"
                for line in lines.dropFirst() { text += String(repeating: " ", count: width) + line + "\n" }
            }
        }
        section("Commands", commands.enumerated().map { ($1.name, $1.abstract + ($0 == 0 ? " (default)" : "")) })
        section("Options", options.map { ("--\($0.name)" + ($0.valueName.map { " \($0)" } ?? ""), $0.help) })
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
