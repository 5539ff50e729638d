/// Scripts by which shells complete a program's commands, options and fixed choices. They are made from the grammar and start
/// no program.
package struct CommandLineCompletion: Sendable {
    private let grammar: CommandLineGrammar

    package init(_ grammar: CommandLineGrammar) { self.grammar = grammar }

    private var groups: [String: [CommandLineGrammar.Command]] {
        Dictionary(grouping: grammar.commands.filter { $0.name.contains(" ") }) { command in
            String(command.name.split(separator: " ")[0])
        }
    }

    /// Single words at the top: commands and groups, in the grammar's order.
    private var topWords: [(name: String, abstract: String)] {
        var words: [(name: String, abstract: String)] = []
        for command in grammar.commands {
            let parts = command.name.split(separator: " ").map(String.init)
            if parts.count == 1 {
                words.append((command.name, command.abstract))
            } else if !words.contains(where: { $0.name == parts[0] }) {
                words.append(
                    (parts[0], "Commands: " + (groups[parts[0]] ?? []).map(Self.lastWord).joined(separator: ", ")))
            }
        }
        return words + [("help", "Print the help of a command")]
    }

    private static func lastWord(_ command: CommandLineGrammar.Command) -> String {
        command.name.split(separator: " ").last.map(String.init) ?? command.name
    }

    private func words(of command: CommandLineGrammar.Command) -> [String] {
        (command.options + grammar.options).map { "--\($0.name)" } + command.operands.flatMap(\.choices)
    }

    private var valueOptions: [CommandLineGrammar.Option] {
        var options: [CommandLineGrammar.Option] = []
        for option in grammar.options + grammar.commands.flatMap(\.options)
        where option.valueName != nil && !options.contains(where: { $0.name == option.name }) {
            options.append(option)
        }
        return options
    }

    /// The name of a value that is a file's path.
    private static let file = "FILE"

    /// The options that a value follows, as a pattern of a shell.
    private var valueNames: String { valueOptions.map { "--\($0.name)" }.joined(separator: " | ") }

    // MARK: Shells

    package var bash: String {
        let program = grammar.program
        var text = "# Completes \(program) in bash.\n_\(program)() {\n"
        text += "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} word command= index\n"
        text += "    COMPREPLY=()\n    case $previous in\n"
        for option in valueOptions {
            var reply = option.choices.isEmpty ? "" : Self.reply(option.choices)
            if option.valueName == Self.file { reply = "compopt -o default; " }
            text += "    --\(option.name)) \(reply)return ;;\n"
        }
        text += "    esac\n    for ((index = 1; index < COMP_CWORD; index++)); do\n        word=${COMP_WORDS[index]}\n"
        text += "        if [[ $word == -- ]]; then compopt -o default; return; fi\n"
        // Bash divides words at '=' and ':' as well, which URLs hold.
        text += "        case $word in\n        \(valueNames))\n"
        text += "            [[ ${COMP_WORDS[index+1]} != = ]] || ((index++))\n            ((index++))\n"
        text += "            while [[ ${COMP_WORDS[index+1]} == : ]]; do ((index += 2)); done\n"
        text += "            continue ;;\n        esac\n"
        text +=
            "        [[ $word == -* || -z $word ]] || command+=\"${command:+ }$word\"\n    done\n    case $command in\n"
        for command in grammar.commands.sorted(by: { $0.name.count > $1.name.count }) {
            text += "    \(Self.pattern(command.name))) \(Self.reply(words(of: command)));;\n"
        }
        for (group, commands) in groups.sorted(by: { $0.key < $1.key }) {
            text += "    '\(group)' | 'help \(group)') \(Self.reply(commands.map(Self.lastWord)));;\n"
        }
        text += "    '' | help) \(Self.reply(topWords.map(\.name) + grammar.options.map { "--\($0.name)" }));;\n"
        return text + "    esac\n}\ncomplete -F _\(program) \(program)"
    }

    private static func reply(_ words: [String]) -> String {
        "COMPREPLY=($(compgen -W '\(words.joined(separator: " "))' -- \"$current\")); "
    }

    /// The command alone, and with operands behind it.
    private static func pattern(_ name: String) -> String { "'\(name)' | '\(name) '*" }

    package var zsh: String {
        let program = grammar.program
        var text = "#compdef \(program)\n# Completes \(program) in zsh.\n_\(program)() {\n"
        text += "    local command= word isValue= previous=${words[CURRENT-1]}\n    case $previous in\n"
        for option in valueOptions {
            var reply = option.choices.isEmpty ? "" : "compadd -- \(option.choices.joined(separator: " ")); "
            if option.valueName == Self.file { reply = "_files; " }
            text += "    --\(option.name)) \(reply)return ;;\n"
        }
        text += "    esac\n    for word in ${words[2,CURRENT-1]}; do\n"
        text += "        if [[ -n $isValue ]]; then isValue=; continue; fi\n"
        text += "        if [[ $word == -- ]]; then _files; return; fi\n"
        text += "        case $word in\n        \(valueNames)) isValue=1; continue ;;\n        esac\n"
        text +=
            "        [[ $word == -* || -z $word ]] || command+=\"${command:+ }$word\"\n    done\n    case $command in\n"
        for command in grammar.commands.sorted(by: { $0.name.count > $1.name.count }) {
            text += "    \(Self.pattern(command.name))) compadd -- \(words(of: command).joined(separator: " ")) ;;\n"
        }
        for (group, commands) in groups.sorted(by: { $0.key < $1.key }) {
            text +=
                "    '\(group)' | 'help \(group)') compadd -- \(commands.map(Self.lastWord).joined(separator: " ")) ;;\n"
        }
        let top = topWords.map(\.name) + grammar.options.map { "--\($0.name)" }
        text += "    '' | help) compadd -- \(top.joined(separator: " ")) ;;\n"
        // The first call of an autoloaded file is a completion already.
        text += "    esac\n}\nif [[ ${funcstack[1]} == _\(program) ]]; then\n    _\(program) \"$@\"\nelse\n"
        return text + "    compdef _\(program) \(program)\nfi"
    }

    package var fish: String {
        let program = grammar.program
        var lines = ["# Completes \(program) in fish.", "complete -c \(program) -f"]
        let tops = topWords.map(\.name).joined(separator: " ")
        for word in topWords {
            lines.append(
                "complete -c \(program) -n 'not __fish_seen_subcommand_from \(tops)' -a \(word.name) -d \(Self.quoted(word.abstract))"
            )
        }
        for (group, commands) in groups.sorted(by: { $0.key < $1.key }) {
            let names = commands.map(Self.lastWord).joined(separator: " ")
            let isBare = "'__fish_seen_subcommand_from \(group); and not __fish_seen_subcommand_from \(names)'"
            for command in commands {
                lines.append(
                    "complete -c \(program) -n \(isBare) -a \(Self.lastWord(command)) -d \(Self.quoted(command.abstract))"
                )
            }
        }
        for command in grammar.commands {
            let seen = command.name.split(separator: " ").map { "__fish_seen_subcommand_from \($0)" }
            let condition = "'\(seen.joined(separator: "; and "))'"
            for option in command.options { lines.append(fishOption(option, condition)) }
            for choice in command.operands.flatMap(\.choices) {
                lines.append("complete -c \(program) -n \(condition) -a \(choice)")
            }
        }
        for option in grammar.options { lines.append(fishOption(option, nil)) }
        return lines.joined(separator: "\n")
    }

    private func fishOption(_ option: CommandLineGrammar.Option, _ condition: String?) -> String {
        var line = "complete -c \(grammar.program)" + (condition.map { " -n \($0)" } ?? "") + " -l \(option.name)"
        if option.valueName != nil { line += option.valueName == Self.file ? " -r -F" : " -x" }
        if !option.choices.isEmpty { line += " -a '\(option.choices.joined(separator: " "))'" }
        return line + " -d \(Self.quoted(option.help))"
    }

    /// A word of fish.
    private static func quoted(_ text: String) -> String {
        "'" + text.replacing("\\", with: "\\\\").replacing("'", with: "\\'") + "'"
    }
}
