import JSON
import Testing
import WireContract

@testable import HelperCLI

@Suite("Text for shells and terminals")
struct TextTests {
    @Test("What servers write moves no cursor and turns no text around")
    func printable() {
        #expect(Console.printable("a\u{1B}[31mb\u{07}\u{9B}\u{202E}c\nd") == "a [31mb   c d")
        #expect(Console.printable("zoë 日本") == "zoë 日本")
    }

    @Test("JSON holds what a terminal would obey as escapes")
    func json() {
        let text = Console.text(["a": "b\u{9B}\u{202E}\u{1B}\u{7F}\nzoë 日本"])
        #expect(text == "{\n  \"a\": \"b\\u009b\\u202e\\u001b\\u007f\\nzoë 日本\"\n}")
    }

    @Test("Lines that are said keep their breaks and nothing else that a terminal obeys")
    func lines() {
        #expect(Console.printableLines("a\u{1B}[2J\n\n  b\r\nc\u{202E}") == "a [2J\n\n  b \nc ")
    }

    @Test("A table cuts at the terminal's edge and nowhere else")
    func table() {
        var table = Table("NAME", "TEXT")
        table.add("a", "long enough to be cut")
        table.add("bbbb", nil)
        #expect(table.text(columns: nil, usesColor: false) == "NAME  TEXT\na     long enough to be cut\nbbbb  -")
        #expect(table.text(columns: 12, usesColor: false).split(separator: "\n")[1] == "a     long …")
        #expect(table.text(columns: nil, usesColor: true).hasPrefix("\u{1B}[1mNAME"))
    }
}

@Suite("Advice for a key that does not work")
struct KeyAdviceTests {
    @Test(
        "names a command that its state allows",
        arguments: [
            ("expired", "mlaas key revoke granite/batch"), ("paused", "mlaas key resume granite/batch"),
            ("suspended", "operator"), ("pending", "approved"),
        ])
    func advice(_ state: String, _ hint: String) throws {
        let refusal = try #require(KeySource.refusal(state, "granite/batch", "Basic"))
        #expect(refusal.status == .failed && refusal.hints[0].contains(hint))
        #expect(!refusal.hints.joined().contains("rotate"))
    }

    @Test("is not given for a key that works", arguments: ["live", "retiring"])
    func works(_ state: String) {
        #expect(KeySource.refusal(state, "granite/batch", "Basic") == nil)
    }
}

@Suite("Names that people write")
struct NameTests {
    private static func service(_ id: String, _ name: String, _ systemName: String) throws -> WireService {
        try WireService(
            [
                "id": .string(id), "name": .string(name), "system_name": .string(systemName),
                "authentication_method": "api_key", "credentials": ["location": "headers", "parameter": "user_key"],
                "has_api_key": false,
            ])
    }

    private let services: [WireService]

    init() throws {
        services = [
            try Self.service("7", "Granite Chat", "granite_chat"), try Self.service("8", "Vision", "vision"),
            try Self.service("9", "vision", "other_vision"), try Self.service("10", "7", "seven"),
        ]
    }

    @Test(
        "find a service by id, system name and name",
        arguments: [("7", "7"), ("granite-chat", "7"), ("GRANITE CHAT", "7"), ("vision", "8"), ("seven", "10")])
    func services(_ text: String, _ id: String) throws {
        #expect(try Names.service(text, among: services).id == id)
    }

    @Test("that fit several services, or nearly one, say so")
    func unclear() {
        #expect(throws: CommandFailure.self) { try Names.service("Vision ", among: services) }
        do {
            _ = try Names.service("granit", among: services)
            Issue.record("found")
        } catch {
            #expect(error.hints == ["Did you mean 'granite_chat'?"] && error.status == .failed)
        }
    }

    private static func key(_ id: String, _ name: String, generation: Int = 1, service: String = "granite_chat") throws
        -> WireKey
    {
        try WireKey(
            [
                "id": .string(id), "name": .string(name), "state": "live", "generation": .int(generation),
                "plan": ["id": "1", "name": "Basic"],
                "service": [
                    "id": .string(service), "name": .string(service), "system_name": .string(service),
                    "authentication_method": "api_key",
                ],
            ])
    }

    @Test("find the newest generation of a key")
    func keys() throws {
        let keys = [
            try Self.key("1", "default"), try Self.key("2", "default", generation: 2), try Self.key("3", "batch"),
            try Self.key("4", "default", service: "vision"),
        ]
        #expect(try Names.key("granite-chat/default", among: keys).id == "2")
        #expect(try Names.key("granite-chat/DEFAULT", among: keys).id == "2")
        #expect(try Names.key("batch", among: keys).id == "3")
        #expect(try Names.key("vision", among: keys).id == "4")
        for unclear in ["default", "granite_chat", "nonesuch", "a/b/c", ""] {
            #expect(throws: CommandFailure.self) { try Names.key(unclear, among: keys) }
        }
    }
}

@Suite("The time that an old key works on")
struct GraceTests {
    @Test(
        "is a number with or without a unit",
        arguments: [
            ("0", 0), ("90", 90), ("90s", 90), ("30m", 1_800), ("24h", 86_400), ("7d", 604_800), ("365d", 31_536_000),
        ])
    func readable(_ text: String, _ seconds: Int) { #expect(KeyRotateCommand.seconds(text) == seconds) }

    @Test(
        "is nothing else, and no more than a year",
        arguments: ["", "h", "1w", "-1h", "1.5h", "1 h", "366d", "31536001", "9223372036854775807d", "1h30m"])
    func unreadable(_ text: String) { #expect(KeyRotateCommand.seconds(text) == nil) }
}

@Suite("Times of usage")
struct UsageTimeTests {
    @Test(
        "are days, times and spans before now",
        arguments: [
            ("1970-01-02", 86_400), ("1970-01-01T00:01:00Z", 60), ("7d", 395_200), ("24h", 913_600), ("30m", 998_200),
        ])
    func readable(_ text: String, _ time: Int) { #expect(KeyUsageCommand.time(text, now: 1_000_000) == time) }

    @Test("are nothing else", arguments: ["", "soon", "yesterday", "2026-13-01", "2026-11-01T9", "-1d", "d", "17"])
    func unreadable(_ text: String) { #expect(KeyUsageCommand.time(text, now: 1_000_000) == nil) }
}

@Suite("The test of a key")
struct KeyTestFailureTests {
    @Test("says a state that is known before what the gateway answers")
    func known() throws {
        let paused = KeySource.refusal("paused", "granite/batch", "Basic")
        let failure = try #require(
            KeyTestCommand.failure("refused", ["The gateway refuses it.", "Wait."], known: paused))
        #expect(
            failure.message == "The key granite/batch is paused. The gateway refuses it." && failure.status == .failed)
        #expect(failure.hints == ["Let it work again: mlaas key resume granite/batch"])
        #expect(
            KeyTestCommand.failure("works", ["It works."], known: paused)?.message.contains("still accepts") == true)
    }

    @Test("tells an unreachable gateway from a refusal")
    func verdicts() {
        #expect(KeyTestCommand.failure("works", [], known: nil) == nil)
        #expect(KeyTestCommand.failure("refused", ["No."], known: nil)?.status == .failed)
        #expect(KeyTestCommand.failure("unreachable", ["No answer.", "Wait."], known: nil)?.status == .unreachable)
    }
}

@Suite("The generations of a key")
struct GenerationTests {
    private static func key(_ id: String, _ generation: Int, _ state: String) throws -> WireKey {
        try WireKey(
            [
                "id": .string(id), "name": "batch", "state": .string(state), "generation": .int(generation),
                "plan": ["id": "1", "name": "Basic"], "retires_at": "2026-11-30T00:00:00Z",
                "service": [
                    "id": "7", "name": "Granite", "system_name": "granite", "authentication_method": "api_key",
                ],
            ])
    }

    @Test("before a key end with it, but for those that the operator suspended")
    func replaced() throws {
        let keys = [
            try Self.key("1", 1, "suspended"), try Self.key("2", 2, "expired"), try Self.key("3", 3, "retiring"),
            try Self.key("4", 4, "live"), try Self.key("5", 5, "pending"),
        ]
        #expect(Names.replaced(by: keys[3], among: keys).map(\.id) == ["3", "2"])
        #expect(Names.replaced(by: keys[4], among: keys).isEmpty && Names.replaced(by: keys[0], among: keys).isEmpty)
        let lines = KeyCall.stillWorking(beside: keys[3], among: keys)
        #expect(lines.count == 1 && lines[0].contains("2026-11-30") && lines[0].hasSuffix("mlaas key pause 3"))
    }

    @Test("are found by an id only where they are listed")
    func listed() throws {
        let keys = [try Self.key("3", 1, "live")]
        #expect(try Names.listedKey("3", among: keys).id == "3" && Names.listedKey("batch", among: keys).id == "3")
        #expect(throws: CommandFailure.self) { try Names.listedKey("999", among: keys) }
    }

    @Test("have names of 1 to 40 characters")
    func names() {
        #expect(["a", "batch-2", String(repeating: "a", count: 40)].allSatisfy(Names.isKeyName))
        #expect(!["", "9a", "-a", "A", "a_b", "ä", String(repeating: "a", count: 41)].contains(where: Names.isKeyName))
    }
}

@Suite("Credentials of an answer")
struct CredentialTests {
    @Test("are refused with a control character, which a terminal or a program would take for something else")
    func controls() throws {
        let good = try WireCredentials(try WireObject(["api_key": "k-1", "credentials": ["app_id": "i-1"]], "data"))
        #expect(good.secret == "k-1" && good.publicID == "i-1")
        for control in ["\n", "\u{0}", "\u{1B}[2J", "\u{7F}", "\u{9B}"] {
            let text: JSONValue = .string("k" + control)
            for data: JSONValue in [
                ["api_key": text], ["credentials": ["app_id": text]], ["credentials": ["client_id": text]],
            ] {
                #expect(throws: WireProblem.self) { try WireCredentials(try WireObject(data, "data")) }
            }
        }
    }
}
