/// The texts that explain a command line.
extension CommandLineGrammar {
    /// Wrapped to 80 columns.
    /// - Parameter name: a command, or the first word of several; empty for the whole program.
    package func help(for name: String = "") -> String {
        if let command = commands.first(where: { $0.name == name }) { return help(for: command) }
        let shown = name.isEmpty ? commands : commands.filter { $0.name.hasPrefix(name + " ") }
        let usage = ([program, name] + (commands.isEmpty ? [] : ["[command]"]) + ["[options]"])
            .filter { !$0.isEmpty }.joined(separator: " ")
        var text = name.isEmpty ? "\(abstract)\n\n" : ""
        text += "Usage: \(usage)\n"
        text += Self.section(
            "Commands",
            shown.map { ($0.name, $0.abstract + (runsFirst && $0.name == commands.first?.name ? " (default)" : "")) })
        text += Self.section("Options", options.map(Self.row))
        for topic in topics where topic.group == name {
            text += Self.section(topic.title, topic.rows.map { ($0.term, $0.text) })
        }
        if !commands.isEmpty { text += "\n'\(program) help [command]' shows the options of a command.\n" }
        return text
    }

    private func help(for command: Command) -> String {
        var text = command.abstract + ".\n\nUsage: \(program) \(command.usage)\n"
        for paragraph in command.details {
            text += "\n" + Self.wrap(paragraph, 80).joined(separator: "\n") + "\n"
        }
        let operands = command.operands + (command.rest.map { [$0] } ?? [])
        text += Self.section("Operands", operands.map { ($0.name, Self.withChoices($0.help, $0.choices)) })
        text += Self.section("Options", (command.options + options).map(Self.row))
        if !command.examples.isEmpty {
            text += "\nExamples:\n" + command.examples.map { "  \($0)\n" }.joined()
        }
        return text
    }

    private static func withChoices(_ help: String, _ choices: [String]) -> String {
        choices.isEmpty ? help : "\(help): \(choices.joined(separator: ", "))"
    }

    private static func row(_ option: Option) -> (String, String) {
        ("--\(option.name)" + (option.valueName.map { " \($0)" } ?? ""), withChoices(option.help, option.choices))
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

    static func wrap(_ text: String, _ width: Int) -> [String] {
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
