import Configuration
import Foundation
import Testing

@Suite("The configuration reader")
struct ConfigReaderTests {
    private enum Colour: String, CaseIterable { case red, green }

    private func reader(_ values: [String: String]) -> ConfigReader {
        ConfigReader(providers: [InMemoryProvider(values)])
    }

    @Test("keeps every problem, by name, and never shows a secret")
    func problems() {
        var reader = reader(["N": "x", "B": "maybe", "D": "1w", "C": "blue", "U": "ftp://x", "S": "s3cret\nline"])
        _ = reader.int(forKey: "N", default: 1, range: 1...5, help: "")
        _ = reader.bool(forKey: "B", default: false, help: "")
        _ = reader.duration(forKey: "D", default: .seconds(1), range: .zero ... .seconds(10), help: "")
        _ = reader.choice(forKey: "C", default: Colour.red, help: "")
        _ = reader.url(forKey: "U", example: "https://a.example.com", help: "")
        _ = reader.requiredString(forKey: "R", example: "x", help: "")
        _ = reader.secret(forKey: "S", required: true, help: "")
        _ = reader.secret(forKey: "T", required: true, help: "")
        #expect(reader.problems.map(\.key) == ["N", "B", "D", "C", "U", "R", "S", "T"])
        #expect(!reader.problems.description.contains("s3cret") && !reader.entries.description.contains("s3cret"))
        #expect(reader.problems[0].message == "expected a whole number from 1 to 5, found 'x'")
    }

    @Test(
        "reads a URL as it is written, with scheme and host in lower case",
        arguments: [
            ("HTTP://A.Example.com:8080/Path//", "http://a.example.com:8080/Path"), ("https://[::1]/", "https://[::1]"),
            ("https://a b", nil), ("https://a/b c", nil), ("https://bücher.example.com", nil), ("https://a:080", nil),
            ("https://a:", nil), ("https://a/@b", nil), ("https://a?", nil), ("https://a#", nil), ("https:///", nil),
        ] as [(String, String?)])
    func urls(_ text: String, _ url: String?) { #expect(ConfigReader.url(text) == url) }

    @Test(
        "reads durations with and without units",
        arguments: [
            ("30", 30_000), ("1.5", 1_500), ("250ms", 250), ("10s", 10_000), ("5m", 300_000), ("24h", 86_400_000),
            ("-1", nil),
            ("", nil), ("x", nil), ("1d", nil), ("1e300", nil),
        ])
    func durations(_ text: String, _ milliseconds: Int?) {
        #expect(ConfigReader.duration(text) == milliseconds.map { .milliseconds($0) })
    }

    @Test("the first provider wins, an empty value is no value, an alias stands in")
    func precedence() {
        var reader = ConfigReader(providers: [
            InMemoryProvider(name: "one", ["A": "1", "B": ""]),
            InMemoryProvider(name: "two", ["A": "2", "B": "3", "OLD": "4"]),
        ])
        #expect(reader.string(forKey: "A", help: "") == "1")
        #expect(reader.string(forKey: "B", help: "") == "3")
        #expect(reader.string(forKey: "NEW", aliases: ["OLD"], help: "") == "4")
        #expect(reader.entries.map(\.source) == ["one", "two", "two (OLD)"])
    }

    @Test("takes a secret from a file, without its line end, and not from both")
    func secretFiles() throws {
        let path = NSTemporaryDirectory() + "mlaas-\(UUID().uuidString)"
        try Data("from-file\n".utf8).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        var good = reader(["S_FILE": path])
        #expect(good.secret(forKey: "S", required: true, help: "")?.reveal() == "from-file")
        var both = reader(["S_FILE": path, "S": "x"])
        _ = both.secret(forKey: "S", required: true, help: "")
        var missing = reader(["S_FILE": "/nonexistent/file"])
        _ = missing.secret(forKey: "S", required: true, help: "")
        #expect(both.problems.map(\.key) == ["S"] && missing.problems.map(\.key) == ["S_FILE"])
    }

    @Test("names variables that look like ours and are not")
    func unknown() {
        var reader = reader(["API_TIMEOUT": "1", "API_TIMEOT": "1", "PATH": "x"])
        _ = reader.int(forKey: "API_TIMEOUT", default: 1, range: 0...9, help: "")
        #expect(reader.unknownKeys(prefixes: ["API_"], ignoring: []) == ["API_TIMEOT"])
    }

    @Test("a secret has no printed form")
    func secret() {
        let secret = Secret("s3cret")
        var dumped = ""
        dump(secret, to: &dumped)
        for text in ["\(secret)", String(reflecting: secret), dumped, "\([secret])", "\(Optional(secret) as Any)"] {
            #expect(!text.contains("s3cret"))
        }
        #expect(secret == Secret("s3cret") && secret != Secret("s3cres") && secret.reveal() == "s3cret")
    }
}

@Suite("The configuration reference")
struct ConfigReferenceTests {
    private var declarations: [ConfigDeclaration] {
        var reader = ConfigReader(providers: [])
        reader.section("Door")
        _ = reader.int(forKey: "PORT", default: 80, range: 1...99, help: "Where `it` listens.")
        _ = reader.secret(forKey: "TOKEN", required: true, help: "Opens it.")
        reader.section("Other")
        _ = reader.string(forKey: "A", aliases: ["B"], expected: "x|y", example: "x", help: "A choice.")
        _ = reader.int(forKey: "N", default: 7, defaultText: "one per core", range: 1...9, help: "Threads.")
        return reader.declarations
    }

    @Test("tells name, value, default and meaning under each title")
    func markdown() {
        let text = ConfigReference(declarations).markdown
        #expect(text.contains("### Door\n") && text.contains("### Other\n"))
        #expect(text.contains("| `PORT` | a whole number from 1 to 99 | `80` | Where `it` listens. |"))
        #expect(text.contains("| `TOKEN` | a secret, or a file: `TOKEN_FILE` | **required** | Opens it. |"))
        #expect(text.contains("| `A` | x\\|y | none | A choice. Also read as `B`. |"))
        #expect(text.contains("| one per core | Threads. |"))
    }

    @Test("the file to fill in is a .env file in which only what is required is set")
    func environmentFile() throws {
        let text = ConfigReference(declarations).environmentFile
        #expect(try EnvFile.parse(text, path: "x") == ["TOKEN": ""])
        #expect(text.contains("# Where it listens. (a whole number from 1 to 99)\n#PORT=80\n"))
        #expect(text.contains("#TOKEN_FILE=/run/secrets/token\n") && text.contains("#A=x\n"))
        #expect(text.contains("default: one per core)\n#N=\n"))
    }
}

@Suite("A .env file")
struct EnvFileTests {
    @Test("is read with comments, export and quotes")
    func good() throws {
        let text = """
            # a comment
            A=1
            export B = two words # not this
            C="quoted # \\"x\\"\\n"
            D='single \\n'
            E=
            F=a#b
            """
        let values = try EnvFile.parse(text, path: "x")
        #expect(
            values == ["A": "1", "B": "two words", "C": "quoted # \"x\"\n", "D": "single \\n", "E": "", "F": "a#b"])
    }

    @Test("ends its lines in LF, CRLF or CR, with a byte order mark or without", arguments: ["\n", "\r\n", "\r"])
    func lineEnds(_ end: String) throws {
        let text = ["# a comment", "A=1", "export B='x'", "", "C=a b # c", "D=é"].joined(separator: end)
        for text in [text, "\u{FEFF}" + text + end] {
            #expect(try EnvFile.parse(text, path: "x") == ["A": "1", "B": "x", "C": "a b", "D": "é"])
        }
        #expect {
            try EnvFile.parse("A=1\(end)SECRET s3cret\(end)", path: "x.env")
        } throws: { "\($0)" == "x.env:2: expected NAME=value" }
    }

    @Test("is read by byte: an accent behind a sign is part of the value")
    func combining() throws {
        #expect(try EnvFile.parse("A=\u{301}x\n", path: "x") == ["A": "\u{301}x"])
    }

    @Test("names the line that is wrong", arguments: ["A=1\nnonsense", "A=1\n1B=2", "A=1\nB=\"open", "A=1\nB='x' y"])
    func bad(_ text: String) {
        #expect {
            try EnvFile.parse(text, path: "x.env")
        } throws: { "\($0)".hasPrefix("x.env:2: ") }
    }
}
