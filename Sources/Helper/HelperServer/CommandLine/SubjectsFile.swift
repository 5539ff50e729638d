import Arguments
import EventLoop

/// A file with the subject (`sub`) of everybody in a realm, one to a line.
enum SubjectsFile {
    static let option = CommandLineGrammar.Option(
        "subjects", value: "PATH", "A file with the subject (sub) of everybody in the realm, one to a line")

    /// Reads the file. Writes to standard error why it cannot be used.
    /// - Returns: lines without blanks at their ends, empty ones left out; nil where the file is of no use.
    static func read(_ path: String) -> [String]? {
        if let bytes = try? FilesOnDisk.read(path), let subjects = lines(bytes), !subjects.isEmpty { return subjects }
        StandardStreams.error("mlaas-helper: \(path) cannot be read, is not UTF-8 or holds no subject")
        return nil
    }

    private static func lines(_ bytes: [UInt8]) -> [String]? {
        guard let text = String(validating: bytes, as: UTF8.self) else { return nil }
        return text.split(whereSeparator: \.isNewline).map { line in
            String(line.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
        }.filter { !$0.isEmpty }
    }
}
