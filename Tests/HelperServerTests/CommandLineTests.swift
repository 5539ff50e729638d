import Arguments
import HelperServer
import Testing

@Suite("The command line of mlaas-helper")
struct CommandLineTests {
    private let grammar = HelperMain.grammar

    private func refusal(_ arguments: [String]) -> String? {
        do throws(CommandLineGrammar.UsageError) {
            _ = try grammar.parse(arguments)
            return nil
        } catch {
            return error.description
        }
    }

    @Test("serve is what runs without a command")
    func serve() throws { #expect(try grammar.parse([]).command == "serve") }

    @Test(
        "a command takes its own options",
        arguments: [
            ["--env-file", ".env"], ["serve", "--env-file", ".env"], ["healthcheck", "--ready", "--env-file", ".env"],
            ["doctor", "--json", "--token-file", "t", "--env-file=.env"], ["config", "check", "--env-file", ".env"],
            ["--env-file", ".env", "config", "print"], ["config", "reference"], ["config", "example"],
            ["doctor", "--version"],
        ])
    func own(arguments: [String]) { #expect(refusal(arguments) == nil) }

    @Test(
        "an option of another command is refused, with the command that it belongs to",
        arguments: [
            (["--json"], "'serve' takes no option '--json', which belongs to 'doctor'"),
            (["serve", "--ready"], "'serve' takes no option '--ready', which belongs to 'healthcheck'"),
            (["healthcheck", "--json"], "'healthcheck' takes no option '--json', which belongs to 'doctor'"),
            (["doctor", "--ready"], "'doctor' takes no option '--ready', which belongs to 'healthcheck'"),
            (
                ["config", "check", "--token-file", "t"],
                "'config check' takes no option '--token-file', which belongs to 'doctor'"
            ),
        ])
    func foreign(arguments: [String], message: String) { #expect(refusal(arguments) == message) }

    @Test("a command that reads no configuration takes no file of it", arguments: ["reference", "example"])
    func unread(command: String) { #expect(refusal(["config", command, "--env-file", ".env"]) != nil) }

    @Test("config alone lists its commands", arguments: [["config"], ["help", "config"], ["config", "--help"]])
    func group(arguments: [String]) throws {
        let help = try #require(try grammar.parse(arguments).help)
        #expect(help.contains("config reference"))
        #expect(!help.contains("healthcheck"))
    }

    @Test("help lists every command", arguments: [["help"], ["--help"], ["-h"], ["config", "print", "-h"]])
    func everything(arguments: [String]) throws {
        let help = try #require(try grammar.parse(arguments).help)
        #expect(help.contains("Usage: mlaas-helper"))
    }

    @Test("help of a command shows its options and no other's")
    func command() throws {
        for arguments in [["help", "doctor"], ["doctor", "--help"]] {
            let help = try #require(try grammar.parse(arguments).help)
            #expect(help.contains("--token-file PATH"))
            #expect(!help.contains("--ready"))
        }
    }

    @Test("help of an unknown command is refused", arguments: [["help", "dance"], ["dance"], ["config", "dance"]])
    func unknown(arguments: [String]) { #expect(refusal(arguments)?.contains("unknown command") == true) }

    @Test("every help text fits 80 columns")
    func width() {
        for name in ["", "config"] + grammar.commands.map(\.name) {
            #expect(grammar.help(for: name).split(separator: "\n").allSatisfy { $0.count <= 80 })
        }
    }
}
