import FoundationEssentials
import TestSupport
import Testing

@testable import Bytes

@Suite("Text for a shell")
struct ShellTextTests {
    private static let texts = [
        "", "plain", "it's", "'", "''", "'\u{301}", "k'\u{301};touch ${IFS}pwned;'\u{301}", "'\u{200D}$(touch pwned)'",
        "'\u{FE0F}`touch pwned`", "a\"b\\c", "$HOME", "a\nb", "a\r\nb", "zoë 😀", "\u{301}", "*", "~", "#x", "a b",
    ]

    @Test("is what a shell reads, whatever follows a quote", arguments: texts)
    func shell(_ text: String) throws {
        let folder = "/tmp/mlaas-shell-text-\(UInt64.random(in: 0...UInt64.max))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let script = "export V=\(ShellText.word(text));\nprintf '%s|%s' \"$V\" \(ShellText.quoted(text))\n"
        try script.write(toFile: "\(folder)/script", atomically: false, encoding: .utf8)
        let child = try ChildProcess(
            ["sh", "-c", "eval \"$(cat script)\""], in: folder, output: "\(folder)/output")
        #expect(child.wait() == 0)
        let output = try #require(FileManager.default.contents(atPath: "\(folder)/output"))
        #expect(Array(output) == Array("\(text)|\(text)".utf8))
        #expect(!FileManager.default.fileExists(atPath: "\(folder)/pwned"))
    }

    @Test("stays plain where nothing in it is special")
    func plain() {
        #expect(ShellText.word("https://a.example/v1") == "https://a.example/v1")
        for byte in UInt8(0x20)...0x7E where !"/:._-".utf8.contains(byte) {
            let scalar = UnicodeScalar(byte)
            let word = ShellText.word("a\(scalar)b")
            let isPlain = scalar.properties.isAlphabetic || (0x30...0x39).contains(byte)
            #expect(isPlain ? word == "a\(scalar)b" : word.hasPrefix("'") && word.hasSuffix("'"), "\(word)")
        }
    }

    @Test("ends no value of curl's configuration")
    func curl() {
        let escaped = ShellText.escapedForCurl("k\"\u{301} \\\u{301}")
        #expect(Array(escaped.utf8) == Array("k\\\"\u{301} \\\\\u{301}".utf8))
    }
}

@Suite("Secrets in a text")
struct RedactionOfBytesTests {
    @Test("are found whatever combines with them, and however often they stand there")
    func found() {
        #expect("[k1\u{301} k1]".redacting("k1") == "[<redacted>\u{301} <redacted>]")
        #expect("k1k1".redacting("k1") == "<redacted><redacted>" && "k1".redacting("") == "k1")
        #expect("none".redacting("k1") == "none" && "a\u{301}".containsBytes(of: "a"))
    }
}
