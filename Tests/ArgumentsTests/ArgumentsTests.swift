import Arguments
import Testing

@Suite("The command line")
struct ArgumentsTests {
    private let grammar = CommandLineGrammar(
        program: "tool", abstract: "A tool.",
        commands: [.init("serve", "Serves"), .init("config check", "Checks", options: [.init("strict", "Strict")])],
        options: [
            .init("file", value: "PATH", "A file that is read before anything else happens, or later, as it may be")
        ])

    @Test("is read with commands, values and flags")
    func good() throws {
        #expect(try grammar.parse([]).command == "serve")
        #expect(try grammar.parse(["config", "check"]).command == "config check")
        #expect(try grammar.parse(["serve", "--file", "a"]).values == ["file": "a"])
        #expect(try grammar.parse(["--file=a=b", "serve"]).values == ["file": "a=b"])
        #expect(try grammar.parse(["-h"]).help == grammar.help())
        #expect(try grammar.parse(["config", "check", "--strict"]).flags == ["strict"])
    }

    @Test(
        "says what is wrong with it",
        arguments: [
            ["--nope"], ["--file"], ["--file="], ["--help=1"], ["dance"], ["serve", "--strict"],
            ["--file", "a", "--file", "b"],
        ])
    func bad(_ arguments: [String]) {
        #expect(throws: CommandLineGrammar.UsageError.self) { try grammar.parse(arguments) }
    }

    @Test("explains itself in 80 columns")
    func help() {
        #expect(grammar.help().split(separator: "\n").allSatisfy { $0.count <= 80 })
        #expect(grammar.help().contains("config check") && grammar.help().contains("--file PATH"))
    }
}

@Suite("A command line with operands")
struct OperandTests {
    private let grammar = CommandLineGrammar(
        program: "tool", abstract: "A tool.",
        commands: [
            .init("keys", "Lists"),
            .init("key show", "Shows", operands: [.init("KEY", "A key")]),
            .init(
                "key get", "Gets", operands: [.init("SERVICE", "A service")],
                options: [
                    .init("format", value: "FORMAT", choices: ["env", "json"], "The form")
                ]),
            .init("run", "Runs", operands: [.init("SERVICE", "A service")], rest: .init("COMMAND", "A program")),
            .init("completion", "Completes", operands: [.init("SHELL", "A shell", choices: ["bash", "zsh"])]),
        ], runsFirst: false, options: [.init("version", "Print the version"), .init("json", "Print JSON")],
        topics: [.init("States", group: "key", [("live", "It works")]), .init("Statuses", [("0", "Done")])],
        meanings: ["key list": "keys", "-v": "--version"])

    @Test("suggests what people mean by other words")
    func meanings() {
        #expect(problem("key", "list")?.contains("did you mean 'keys'") == true)
        #expect(problem("keys", "-v")?.contains("did you mean '--version'") == true)
        #expect(problem("keys", "--jsn")?.contains("did you mean '--json'") == true)
    }

    @Test("shows a table of a group in the help of the group alone")
    func groups() {
        #expect(grammar.help(for: "key").contains("live") && !grammar.help(for: "key").contains("Statuses"))
        #expect(grammar.help().contains("Statuses") && !grammar.help().contains("live"))
    }

    private func problem(_ words: String...) -> String? {
        do {
            _ = try grammar.parse(words)
            return nil
        } catch {
            return error.description
        }
    }

    @Test("takes them in order, options between them, and a second command line behind two dashes")
    func operands() throws {
        #expect(try grammar.parse(["key", "--json", "get", "granite"]).operands == ["granite"])
        #expect(try grammar.parse(["key", "show", "--", "-odd"]).operands == ["-odd"])
        let run = try grammar.parse(["run", "granite", "--json", "--", "python", "--version"])
        #expect(run.operands == ["granite"] && run.rest == ["python", "--version"] && run.flags == ["json"])
        #expect(try grammar.parse(["keys"]).command == "keys")
    }

    @Test("shows the help where no command is named, but for the version")
    func nothing() throws {
        #expect(try grammar.parse([]).help == grammar.help())
        #expect(try grammar.parse(["--version"]).help == nil)
        #expect(try grammar.parse(["key"]).help == grammar.help(for: "key"))
        #expect(try grammar.parse(["key", "get", "--help"]).help?.contains("tool key get SERVICE [options]") == true)
    }

    @Test("says what is missing, what is too much, and what was meant")
    func problems() {
        #expect(problem("key", "get")?.contains("needs SERVICE") == true)
        #expect(problem("key", "get", "a", "b")?.contains("'b'") == true)
        #expect(problem("run", "a")?.contains("needs COMMAND behind '--'") == true)
        #expect(problem("kyes")?.contains("did you mean 'keys'") == true)
        #expect(problem("key", "gte", "a")?.contains("did you mean 'key get'") == true)
        #expect(problem("keys", "--jsn")?.contains("did you mean '--json'") == true)
        #expect(problem("completion", "fsh")?.contains("one of bash, zsh") == true)
        #expect(problem("key", "get", "a", "--format", "xml")?.contains("one of env, json") == true)
    }

    @Test("Topics stand at the end of the program's help and its manual page, which names the version")
    func topics() {
        let grammar = CommandLineGrammar(
            program: "tool", abstract: "Works.", commands: [.init("go", "Goes")], runsFirst: false,
            topics: [.init("Exit status", [("0", "Done"), ("3", "Sign in first")])])
        #expect(grammar.help().contains("\nExit status:\n  0  Done\n  3  Sign in first\n"))
        #expect(!grammar.help(for: "go").contains("Exit status"))
        let page = ManPage.text(grammar, version: "1.2.3")
        #expect(page.hasPrefix(".TH TOOL 1 \"\" \"tool 1.2.3\""))
        #expect(page.hasSuffix(".SH EXIT STATUS\n.TP\n.B 0\nDone.\n.TP\n.B 3\nSign in first."))
    }

    @Test("A near miss is found across case, hyphens, slips and beginnings, and nothing else is")
    func nearMisses() {
        let names = ["granite_chat", "embeddings", "vision"]
        #expect(NearMiss.best(for: "Granite-Chat", among: names) == "granite_chat")
        #expect(NearMiss.best(for: "granit", among: names) == "granite_chat")
        #expect(NearMiss.best(for: "embedings", among: names) == "embeddings")
        #expect(NearMiss.best(for: "speech", among: names) == nil)
        #expect(NearMiss.best(for: String(repeating: "x", count: 10_000), among: names) == nil)
    }
}
