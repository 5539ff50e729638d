import Arguments
import Bytes
import EventLoop
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
        ], details: ["'mlaas help key' explains the states."],
        examples: ["mlaas keys --service granite_chat", "mlaas keys --state retiring --json"])

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

    /// - Returns: the key as it is now.
    @discardableResult
    static func change(
        _ verb: String, _ context: CommandContext, _ api: APIClient
    ) async throws(CommandFailure) -> WireKey {
        let changed = try await api.post(try await path(context, api) + "/\(verb)") { data throws(WireProblem) in
            try Changed(data)
        }
        let key = changed.key
        if context.wantsJSON {
            try context.console.output(json: changed.value)
        } else {
            context.console.say(
                "Key \(key.id) (\(key.serviceSystemName)/\(key.name)) is \(key.state)." + stops(changed.stopsWithin))
        }
        return key
    }

    /// Lines that name the older generations of a key that work on while it is paused, and how to stop them.
    static func stillWorking(beside key: WireKey, among keys: [WireKey]) -> [String] {
        Names.older(than: key, among: keys).filter { ["live", "retiring"].contains($0.state) }.map { older in
            let end = older.retiresAt.map { " until \($0)" } ?? ""
            return
                "The older key \(older.id) of that name still works\(end). Stop it as well: mlaas key pause \(older.id)"
        }
    }

    static func stops(_ seconds: Int?) -> String {
        seconds.map { " Gateways may let it through for up to \($0) seconds more." } ?? ""
    }
}

/// `key show`.
struct KeyShowCommand: CLICommand {
    static let grammar = CommandLineGrammar.Command(
        "key show", "Show what is known of a key, without its secret", operands: [CommonWords.key],
        details: ["'mlaas help key' explains the states."], examples: ["mlaas key show granite_chat/batch"])

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
        "key pause", "Stop a key for a while", operands: [CommonWords.key],
        details: [
            "Older keys of the same name that a rotation replaced work on until they retire: the command names them."
        ], examples: ["mlaas key pause granite_chat/batch"])

    static func run(_ context: CommandContext) async throws(CommandFailure) -> NextProgram? {
        let api = try context.api()
        let key = try await KeyCall.change("pause", context, api)
        let query = ["service_id=\(PercentEncoding.encode(key.serviceID))"]
        for line in KeyCall.stillWorking(beside: key, among: try await Names.keys(api, query).keys) {
            context.console.say(line)
        }
        return nil
    }
}

/// `key resume`.
struct KeyResumeCommand: CLICommand {
    static let grammar = CommandLineGrammar.Command(
        "key resume", "Let a paused key work again", operands: [CommonWords.key],
        examples: ["mlaas key resume granite_chat/batch"])

    static func run(_ context: CommandContext) async throws(CommandFailure) -> NextProgram? {
        try await KeyCall.change("resume", context, try context.api())
        return nil
    }
}

/// `key test`.
struct KeyTestCommand: CLICommand {
    static let grammar = CommandLineGrammar.Command(
        "key test", "Ask the gateway whether a key works, and explain why not", operands: [CommonWords.key],
        details: ["The exit status is 0 when the key works, 4 when the gateway cannot be reached, else 1."],
        examples: ["mlaas key test granite_chat/batch"])

    /// Why the test of a key fails.
    /// - Parameters:
    ///   - known: why the key does not work, by its state; said before what the gateway answers, which may not know it yet.
    ///   - words: the explanation and the advice of the test.
    static func failure(_ verdict: String, _ words: [String], known: CommandFailure?) -> CommandFailure? {
        if let known {
            let answer = verdict == "works" ? "The gateway still accepts it." : words.first ?? verdict
            return CommandFailure(.failed, known.message + " " + answer, hints: known.hints)
        }
        guard verdict != "works" else { return nil }
        return CommandFailure(
            verdict == "unreachable" ? .unreachable : .failed, words.first ?? verdict, hints: Array(words.dropFirst()))
    }

    static func run(_ context: CommandContext) async throws(CommandFailure) -> NextProgram? {
        let api = try context.api()
        let path = try await KeyCall.path(context, api)
        let key = try await api.get(path) { data throws(WireProblem) in try KeyCall.Changed(data) }.key
        let known = KeySource.refusal(key.state, "\(key.serviceSystemName)/\(key.name)", key.planName)
        guard key.endpoint != nil else {
            throw CommandFailure(
                .failed,
                (known.map { $0.message + " " } ?? "") + "\(key.serviceSystemName) has no address to test yet.",
                hints: (known?.hints ?? []) + ["Ask the service's owner, or the operator, for its address."])
        }
        let data: WireObject
        do throws(CommandFailure) {
            data = try await api.post(path + "/test") { $0 }
        } catch {
            guard let known else { throw error }
            throw CommandFailure(.failed, known.message, hints: known.hints + ["It was not tested: \(error.message)"])
        }
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
        if let failure = failure(verdict, words, known: known) { throw failure }
        if !context.wantsJSON { for line in words { context.console.say(Console.printable(line)) } }
        return nil
    }
}

/// `key usage`.
struct KeyUsageCommand: CLICommand {
    static let grammar = CommandLineGrammar.Command(
        "key usage", "Show what a key was used for", operands: [CommonWords.key],
        options: [
            .init(
                "since", value: "TIME",
                "From this day or time on, such as 2026-11-01, 2026-11-01T09:00:00Z, or 7d (ago); else the last 24 hours, 30 days "
                    + "or 12 months"),
            .init("until", value: "TIME", "Before this day or time; else until now"),
            .init("granularity", value: "STEP", choices: ["hour", "day", "month"], "One row for each; else day"),
        ],
        details: [
            "Times are in UTC, and a day means its midnight. The time is widened to whole hours, days or months."
        ],
        examples: ["mlaas key usage granite_chat/batch --since 7d", "mlaas key usage 55 --granularity month --json"])

    /// Returns the seconds since 1970 of a day, of a time, or of a span before now; nil for any other text.
    static func time(_ text: String, now: Int) -> Int? {
        if let last = text.last, KeyRotateCommand.units[last] != nil {
            return KeyRotateCommand.seconds(text).map { now - $0 }
        }
        return HTTPDate.timestampSeconds(text.utf8.count == 10 ? text + "T00:00:00Z" : text)
    }

    /// The query of a period, checked.
    private static func period(_ context: CommandContext) throws(CommandFailure) -> [String] {
        let now = wallClockSeconds()
        var times: [String: Int] = [:]
        for name in ["since", "until"] {
            guard let text = context.option(name) else { continue }
            guard let time = time(text, now: now) else {
                throw CommandFailure(
                    .usage,
                    "--\(name): expected a day such as 2026-11-01, a time such as 2026-11-01T09:00:00Z, or 7d, not '\(text)'."
                )
            }
            times[name] = time
        }
        if let since = times["since"], since >= times["until"] ?? now + 1 {
            throw CommandFailure(.usage, "--since must be before \(times["until"] == nil ? "now" : "--until").")
        }
        return ["since", "until"].compactMap { name in
            times[name].map { "\(name)=\(PercentEncoding.encode(HTTPDate.timestamp($0)))" }
        }
    }

    static func run(_ context: CommandContext) async throws(CommandFailure) -> NextProgram? {
        let query = try period(context) + (context.option("granularity").map { ["granularity=\($0)"] } ?? [])
        let api = try context.api()
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
