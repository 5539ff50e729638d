import Arguments
import Bytes
import HTTP
import JSON
import WireContract

/// `keys`.
struct KeysCommand: CLICommand {
    private static let states = ["live", "pending", "paused", "suspended", "retiring", "expired"]

    static let grammar = CommandLineGrammar.Command(
        "keys", "List your keys, without their secrets",
        options: [
            .init("service", value: "SERVICE", "Those of one service"),
            .init("state", value: "STATE", choices: states, "Those in one state"),
        ])

    static func run(_ context: CommandContext) async throws(CommandFailure) -> NextProgram? {
        let api = try context.api()
        var query: [String] = []
        if let text = context.option("service") {
            query.append("service_id=\(PercentEncoding.encode(try await Names.service(text, api).id))")
        }
        if let state = context.option("state") { query.append("state=\(PercentEncoding.encode(state))") }
        let page = try await Names.keys(api, query)
        if context.wantsJSON {
            try context.console.output(json: .array(page.values))
            return nil
        }
        if page.keys.isEmpty { context.console.say("You have no such key. Make one: mlaas key get SERVICE") }
        var table = Table("ID", "SERVICE", "NAME", "STATE", "PLAN", "EXPIRES", "HINT")
        for key in page.keys {
            table.add(
                key.id, key.serviceSystemName, key.name, key.state, key.planName, key.retiresAt ?? key.expiresAt,
                key.hint)
        }
        if !table.isEmpty { try context.console.output(table) }
        if page.nextCursor != nil {
            context.console.say("There are more keys than are shown: use --service or --state.")
        }
        return nil
    }
}

/// A call about one key, and what is said of its answer.
enum KeyCall {
    /// The path of the key that the command line names.
    static func path(_ context: CommandContext, _ api: APIClient) async throws(CommandFailure) -> String {
        "/api/keys/" + PercentEncoding.encode(try await Names.keyID(context.operand(), api))
    }

    /// An answer with a key, and how long gateways may go on.
    struct Changed: Sendable {
        let key: WireKey
        let value: JSONValue
        let stopsWithin: Int?

        init(_ data: WireObject) throws(WireProblem) {
            key = try WireKey(data.object["key"])
            value = .object(data.object)
            stopsWithin = try data.optionalNumber("stops_within_seconds")
        }
    }

    static func change(_ verb: String, _ done: String, _ context: CommandContext) async throws(CommandFailure) {
        let api = try context.api()
        let changed = try await api.post(try await path(context, api) + "/\(verb)") { data throws(WireProblem) in
            try Changed(data)
        }
        if context.wantsJSON {
            try context.console.output(json: changed.value)
        } else {
            let key = changed.key
            context.console.say(
                "Key \(key.id) (\(key.serviceSystemName)/\(key.name)) is \(done)." + stops(changed.stopsWithin))
        }
    }

    static func stops(_ seconds: Int?) -> String {
        seconds.map { " Gateways may let it through for up to \($0) seconds more." } ?? ""
    }
}

/// `key show`.
struct KeyShowCommand: CLICommand {
    static let grammar = CommandLineGrammar.Command(
        "key show", "Show what is known of a key, without its secret", operands: [CommonWords.key])

    static func run(_ context: CommandContext) async throws(CommandFailure) -> NextProgram? {
        let api = try context.api()
        let shown = try await api.get(try await KeyCall.path(context, api)) { data throws(WireProblem) in
            try KeyCall.Changed(data)
        }
        if context.wantsJSON {
            try context.console.output(json: shown.value["key"] ?? .null)
            return nil
        }
        let key = shown.key
        let rows: [(String, String?)] = [
            ("id", key.id), ("name", key.name), ("service", "\(key.serviceName) (\(key.serviceSystemName))"),
            ("state", key.state), ("plan", key.planName), ("endpoint", key.endpoint), ("note", key.note),
            ("created", key.createdAt), ("expires", key.expiresAt), ("retires", key.retiresAt),
            ("last used", key.lastUsedOn), ("generation", String(key.generation)), ("fingerprint", key.fingerprint),
            ("hint", key.hint),
        ]
        let lines = rows.compactMap { name, value in
            value.map { "\(name)\(String(repeating: " ", count: 13 - name.count))\(Console.printable($0))" }
        }
        try context.console.output(lines.joined(separator: "\n"))
        return nil
    }
}

/// `key pause`.
struct KeyPauseCommand: CLICommand {
    static let grammar = CommandLineGrammar.Command(
        "key pause", "Stop a key for a while", operands: [CommonWords.key])

    static func run(_ context: CommandContext) async throws(CommandFailure) -> NextProgram? {
        try await KeyCall.change("pause", "paused", context)
        return nil
    }
}

/// `key resume`.
struct KeyResumeCommand: CLICommand {
    static let grammar = CommandLineGrammar.Command(
        "key resume", "Let a paused key work again", operands: [CommonWords.key])

    static func run(_ context: CommandContext) async throws(CommandFailure) -> NextProgram? {
        try await KeyCall.change("resume", "live", context)
        return nil
    }
}

/// `key test`.
struct KeyTestCommand: CLICommand {
    static let grammar = CommandLineGrammar.Command(
        "key test", "Ask the gateway whether a key works, and explain why not", operands: [CommonWords.key],
        details: ["The exit status is 0 when the key works, else 1."])

    static func run(_ context: CommandContext) async throws(CommandFailure) -> NextProgram? {
        let api = try context.api()
        let data = try await api.post(try await KeyCall.path(context, api) + "/test") { $0 }
        let verdict: String
        let words: [String]
        do throws(WireProblem) {
            verdict = try data.text("verdict")
            words = [try data.text("explanation"), try data.optionalText("advice")].compactMap { $0 }
        } catch {
            throw CommandFailure(.failed, "\(api.server) answers something else than a verdict: \(error).")
        }
        if context.wantsJSON {
            try context.console.output(json: .object(data.object))
        } else {
            try context.console.output(verdict)
        }
        guard verdict == "works" else {
            throw CommandFailure(.failed, words.first ?? verdict, hints: Array(words.dropFirst()))
        }
        if !context.wantsJSON { for line in words { context.console.say(Console.printable(line)) } }
        return nil
    }
}

/// `key usage`.
struct KeyUsageCommand: CLICommand {
    static let grammar = CommandLineGrammar.Command(
        "key usage", "Show what a key was used for", operands: [CommonWords.key],
        options: [
            .init("since", value: "TIME", "Since a day or a time, such as 2026-11-01"),
            .init("until", value: "TIME", "Until a day or a time"),
            .init("granularity", value: "STEP", choices: ["hour", "day", "month"], "One row for each"),
        ])

    static func run(_ context: CommandContext) async throws(CommandFailure) -> NextProgram? {
        let api = try context.api()
        let query = ["since", "until", "granularity"].compactMap { name in
            context.option(name).map { "\(name)=\(PercentEncoding.encode($0))" }
        }
        let path = try await KeyCall.path(context, api) + "/usage" + (query.isEmpty ? "" : "?")
        let data = try await api.get(path + query.joined(separator: "&")) { $0 }
        if context.wantsJSON {
            try context.console.output(json: .object(data.object))
            return nil
        }
        let usage: WireUsage
        do throws(WireProblem) {
            usage = try WireUsage(data)
        } catch {
            throw CommandFailure(
                .failed, "\(api.server) answers usage in another form than this mlaas reads: \(error).",
                hints: ["Print it as it is: --json"])
        }
        var table = Table(headings: ["SINCE"] + usage.metrics.map { $0.name.uppercased() })
        for (step, start) in usage.starts.enumerated() {
            table.add(cells: [start] + usage.metrics.map { String($0.values[step]) })
        }
        table.add(cells: ["total"] + usage.metrics.map { String($0.total) })
        table.add(
            cells: ["limits"] + usage.metrics.map { $0.limits.isEmpty ? nil : $0.limits.joined(separator: " ") })
        try context.console.output(table)
        return nil
    }
}
