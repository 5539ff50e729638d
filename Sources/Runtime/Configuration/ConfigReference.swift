/// Documents that list every variable, made from the declarations, so that they cannot differ from what the code reads.
package struct ConfigReference: Sendable {
    private let declarations: [ConfigDeclaration]

    package init(_ declarations: [ConfigDeclaration]) { self.declarations = declarations }

    /// A Markdown table for each section.
    package var markdown: String {
        sections.map { section in
            """
            ### \(section.title)

            | Variable | Value | Default | Meaning |
            | --- | --- | --- | --- |
            \(section.declarations.map(Self.row).joined(separator: "\n"))

            """
        }.joined(separator: "\n")
    }

    /// A `.env` file that can be copied: what is required is there to be filled in, the rest is commented out.
    package var environmentFile: String {
        sections.map { section in
            "# --- \(section.title) ---\n" + section.declarations.map(Self.lines).joined()
        }.joined(separator: "\n")
    }

    // MARK: Inside

    /// In the order of their first declaration.
    private var sections: [(title: String, declarations: [ConfigDeclaration])] {
        var sections: [(title: String, declarations: [ConfigDeclaration])] = []
        for declaration in declarations {
            if let index = sections.firstIndex(where: { $0.title == declaration.section }) {
                sections[index].declarations.append(declaration)
            } else {
                sections.append((declaration.section, [declaration]))
            }
        }
        return sections
    }

    private static func row(_ declaration: ConfigDeclaration) -> String {
        var meaning = declaration.help
        if !declaration.aliases.isEmpty {
            let aliases = declaration.aliases.map { "`\($0)`" }.joined(separator: " or ")
            meaning += " Also read as \(aliases)."
        }
        var fallback = declaration.defaultText.map { $0.contains(" ") ? $0 : "`\($0)`" } ?? "none"
        if declaration.isRequired { fallback = "**required**" }
        let value =
            declaration.isSecret
            ? "\(declaration.expected), or a file: `\(declaration.key)_FILE`" : declaration.expected
        let cells = ["`\(declaration.key)`", value, fallback, meaning]
        return "| " + cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |"
    }

    private static func lines(_ declaration: ConfigDeclaration) -> String {
        var notes = declaration.expected == "text" ? [] : [declaration.expected]
        if let text = declaration.defaultText, text.contains(" ") { notes.append("default: \(text)") }
        let text = declaration.help + (notes.isEmpty ? "" : " (\(notes.joined(separator: "; ")))")
        let comment = wrap(text.filter { $0 != "`" }, 98).map { "# \($0)\n" }.joined()
        // A default in words cannot stand as a value.
        let written = declaration.defaultText.flatMap { $0.contains(" ") ? nil : $0 }
        let assignment = "\(declaration.key)=\(written ?? declaration.example ?? "")\n"
        let file = declaration.isSecret ? "#\(declaration.key)_FILE=/run/secrets/\(declaration.key.lowercased())\n" : ""
        return comment + (declaration.isRequired ? "" : "#") + assignment + file
    }

    private static func wrap(_ text: String, _ width: Int) -> [String] {
        var lines: [String] = []
        for word in text.split(separator: " ") {
            if let last = lines.last, last.count + 1 + word.count <= width {
                lines[lines.count - 1] = "\(last) \(word)"
            } else {
                lines.append(String(word))
            }
        }
        return lines
    }
}
