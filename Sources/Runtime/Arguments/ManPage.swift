/// The manual page of a program (man(7)), made from its grammar.
package enum ManPage {
    /// - Parameter version: named at the foot.
    package static func text(_ grammar: CommandLineGrammar, version: String) -> String {
        let program = grammar.program
        var lines = [
            ".TH \(program.uppercased()) 1 \"\" \"\(escaped("\(program) \(version)"))\" \"User commands\"",
            ".SH NAME", "\(escaped(program)) \\- \(escaped(abstract(grammar)))", ".SH SYNOPSIS",
            ".B \(escaped(program))", "\\fICOMMAND\\fR [\\fIOPTIONS\\fR]", ".SH COMMANDS",
        ]
        for command in grammar.commands {
            lines += [".SS \"\(escaped("\(program) \(command.usage)"))\"", escaped(command.abstract) + "."]
            for paragraph in command.details { lines += [".PP", escaped(paragraph)] }
            for operand in command.operands + (command.rest.map { [$0] } ?? []) {
                lines += term(operand.name, withChoices(operand.help, operand.choices))
            }
            for option in command.options { lines += term(shown(option), withChoices(option.help, option.choices)) }
            for example in command.examples { lines += [".PP", ".EX", escaped(example), ".EE"] }
        }
        lines.append(".SH OPTIONS")
        for option in grammar.options { lines += term(shown(option), option.help) }
        for topic in grammar.topics {
            lines.append(".SH \(escaped(topic.title.uppercased()))")
            for row in topic.rows { lines += term(row.term, row.text) }
        }
        return lines.joined(separator: "\n")
    }

    private static func abstract(_ grammar: CommandLineGrammar) -> String {
        var text = grammar.abstract
        if text.hasSuffix(".") { text.removeLast() }
        return text
    }

    private static func withChoices(_ help: String, _ choices: [String]) -> String {
        choices.isEmpty ? help : "\(help): \(choices.joined(separator: ", "))"
    }

    private static func shown(_ option: CommandLineGrammar.Option) -> String {
        "--\(option.name)" + (option.valueName.map { " \($0)" } ?? "")
    }

    private static func term(_ name: String, _ text: String) -> [String] {
        [".TP", ".B \(escaped(name))", escaped(text) + (text.hasSuffix(".") ? "" : ".")]
    }

    /// Text that roff takes as it is: no hyphen becomes a dash, no line a request.
    private static func escaped(_ text: String) -> String {
        let text = text.replacing("\\", with: "\\e").replacing("-", with: "\\-").replacing("\"", with: "\\(dq")
        return text.hasPrefix(".") || text.hasPrefix("'") ? "\\&" + text : text
    }
}
