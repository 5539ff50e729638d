import FoundationEssentials

/// A `.env` file: `NAME=value` lines, `#` comments, an optional `export`, single or double quotes around a value. Lines
/// end in LF, CRLF or CR; a byte order mark at the start is skipped.
package enum EnvFile {
    package struct Problem: Error, Sendable, CustomStringConvertible {
        package let description: String
    }

    /// By byte, since a `Character` may be several: `"\r\n"` is one, and so is `=` with an accent behind it.
    private typealias Bytes = ArraySlice<UInt8>

    private static let tab: UInt8 = 0x09
    private static let lineFeed: UInt8 = 0x0A
    private static let carriageReturn: UInt8 = 0x0D
    private static let blank: UInt8 = 0x20
    private static let quotes: [UInt8] = [0x22, 0x27]
    private static let hash: UInt8 = 0x23
    private static let equals: UInt8 = 0x3D
    private static let backslash: UInt8 = 0x5C

    /// The file's values as a provider.
    /// - Throws: `Problem` naming the file and the line, never what the line holds.
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
        for (index, line) in lines(Array(text.utf8)).enumerated() {
            var line = trim(line)
            if line.isEmpty || line.first == hash { continue }
            let export = Array("export".utf8)
            if line.starts(with: export), let next = line.dropFirst(export.count).first, next == blank || next == tab {
                line = trim(line.dropFirst(export.count))
            }
            guard let sign = line.firstIndex(of: equals), isName(trim(line[..<sign])) else {
                throw Problem(description: "\(path):\(index + 1): expected NAME=value")
            }
            guard let value = unquote(trim(line[(sign + 1)...])) else {
                throw Problem(description: "\(path):\(index + 1): a quote is not closed, or text stands behind it")
            }
            values[String(decoding: trim(line[..<sign]), as: UTF8.self)] = String(decoding: value, as: UTF8.self)
        }
        return values
    }

    private static func lines(_ text: [UInt8]) -> [Bytes] {
        let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]
        let text = text.starts(with: byteOrderMark) ? text[byteOrderMark.count...] : text[...]
        var lines: [Bytes] = []
        var start = text.startIndex
        var index = start
        while index < text.endIndex {
            defer { index += 1 }
            guard text[index] == lineFeed || text[index] == carriageReturn else { continue }
            lines.append(text[start..<index])
            if text[index] == carriageReturn, index + 1 < text.endIndex, text[index + 1] == lineFeed { index += 1 }
            start = index + 1
        }
        return lines + [text[start...]]
    }

    /// Without quotes, or without a comment behind an unquoted value. Nil for an open quote.
    private static func unquote(_ text: Bytes) -> Bytes? {
        guard let quote = text.first, quotes.contains(quote) else {
            let comment = text.indices.first { index in
                text[index] == hash && (index == text.startIndex || isBlank(text[index - 1]))
            }
            return comment.map { trim(text[..<$0]) } ?? text
        }
        var value: [UInt8] = []
        var rest = text.dropFirst()
        while let byte = rest.popFirst() {
            if byte == quote {
                let behind = trim(rest)
                return behind.isEmpty || behind.first == hash ? value[...] : nil
            }
            if byte == backslash, quote == quotes[0], let escaped = rest.popFirst() {
                value.append(escaped == UInt8(ascii: "n") ? lineFeed : escaped)
            } else {
                value.append(byte)
            }
        }
        return nil
    }

    private static func isName(_ text: Bytes) -> Bool {
        guard let first = text.first, !(0x30...0x39).contains(first) else { return false }
        return text.allSatisfy {
            (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x5F
        }
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == blank || byte == tab }

    private static func trim(_ text: Bytes) -> Bytes {
        var text = text.drop(while: isBlank)
        while let last = text.last, isBlank(last) { text.removeLast() }
        return text
    }
}
