import FoundationEssentials

/// A `.env` file: `NAME=value` lines, `#` comments, an optional `export`, single or double quotes around a value.
package enum EnvFile {
    package struct Problem: Error, Sendable, CustomStringConvertible {
        package let description: String
    }

    /// The file's values as a provider.
    /// - Throws: `Problem` naming the file and the line.
    package static func load(_ path: String) throws(Problem) -> InMemoryProvider {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw Problem(description: "\(path): cannot be read")
        }
        guard let text = String(validating: data, as: UTF8.self) else {
            throw Problem(description: "\(path): is not UTF-8 text")
        }
        return InMemoryProvider(name: path, try parse(text, path: path))
    }

    package static func parse(_ text: String, path: String) throws(Problem) -> [String: String] {
        var values: [String: String] = [:]
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            var line = trim(line.hasSuffix("\r") ? line.dropLast() : line)
            if line.isEmpty || line.hasPrefix("#") { continue }
            if line.hasPrefix("export ") { line = trim(line.dropFirst(7)) }
            guard let equals = line.firstIndex(of: "="), isName(trim(line[..<equals])) else {
                throw Problem(description: "\(path):\(index + 1): expected NAME=value")
            }
            guard let value = unquote(trim(line[line.index(after: equals)...])) else {
                throw Problem(description: "\(path):\(index + 1): a quote is not closed")
            }
            values[String(trim(line[..<equals]))] = value
        }
        return values
    }

    /// Without quotes, or without a comment behind an unquoted value. Nil for an open quote.
    private static func unquote(_ text: Substring) -> String? {
        guard let quote = text.first, quote == "\"" || quote == "'" else {
            guard let comment = text.firstIndex(of: "#"), comment > text.startIndex,
                text[text.index(before: comment)].isWhitespace
            else { return text.hasPrefix("#") ? "" : String(text) }
            return String(trim(text[..<comment]))
        }
        var value = ""
        var rest = text.dropFirst()
        while let character = rest.popFirst() {
            if character == quote {
                let behind = trim(rest)
                return behind.isEmpty || behind.hasPrefix("#") ? value : nil
            }
            if character == "\\", quote == "\"", let escaped = rest.popFirst() {
                value.append(escaped == "n" ? "\n" : escaped)
            } else {
                value.append(character)
            }
        }
        return nil
    }

    private static func isName(_ text: Substring) -> Bool {
        guard let first = text.utf8.first, !(0x30...0x39).contains(first) else { return false }
        return text.utf8.allSatisfy {
            (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x5F
        }
    }

    private static func trim(_ text: Substring) -> Substring {
        var text = text.drop { $0 == " " || $0 == "\t" }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return text
    }
}
