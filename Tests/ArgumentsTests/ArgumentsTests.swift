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
