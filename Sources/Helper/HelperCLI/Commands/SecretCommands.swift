import Arguments
import Bytes
import EventLoop
import HTTP
import JSON
import WireContract

/// `key reveal`.
struct KeyRevealCommand: CLICommand {
    static let grammar = CommandLineGrammar.Command(
        "key reveal", "Print the secret of a key", operands: [CommonWords.key],
        options: [CommonWords.format, CommonWords.output],
        details: ["The server records each call in its audit log."], examples: ["mlaas key reveal granite_chat/batch"])

    static func run(_ context: CommandContext) async throws(CommandFailure) -> NextProgram? {
        let api = try context.api()
        let answer = try await api.post(try await KeyCall.path(context, api) + "/reveal") { data throws(WireProblem) in
            (
                key: try WireKey(data.object["key"]), value: data.object["key"],
                credentials: try WireCredentials(data)
            )
        }
        guard let secret = answer.credentials.secret else {
            throw CommandFailure(
                .unreachable, "3scale shows no credential for the key yet.", hints: ["Run the command again shortly."])
        }
        let service = try await Names.service(answer.key.serviceSystemName, api)
        var output = KeyOutput(service: service, secret: secret, publicID: answer.credentials.publicID)
        output.members = KeyOutput.members(of: answer.value)
        try KeySource.print(output, context)
        return nil
    }
}

/// `key rotate`.
struct KeyRotateCommand: CLICommand {
    private static let graceMax = 31_536_000

    static let grammar = CommandLineGrammar.Command(
        "key rotate", "Make the successor of a key and print it; the old key works for a while longer",
        operands: [CommonWords.key],
        options: [
            .init(
                "grace", value: "TIME",
                "How long the old key works, such as 90s, 30m, 24h, 7d or seconds; else what the operator has set"),
            CommonWords.format, CommonWords.output,
        ],
        details: [
            "A repeated call for the same id prints the same successor, and standard error says that nothing new was made. A "
                + "name means its newest key: a repeated call by name rotates the successor too. --format json holds the id of "
                + "the successor, the id that it replaces, and retires_at, when that one ends."
        ], examples: ["mlaas key rotate granite_chat/batch --grace 24h", "mlaas key rotate 55 --format json"])

    /// The seconds of each unit of time.
    static let units: [Character: Int] = ["s": 1, "m": 60, "h": 3_600, "d": 86_400]

    /// The seconds of a number with or without a unit; nil for any other text, and for more than a year.
    static func seconds(_ text: String) -> Int? {
        let unit = text.last.flatMap { units[$0] }
        guard let count = ForeignNumber(unit == nil ? text : String(text.dropLast()))?.within(0...graceMax) else {
            return nil
        }
        let (seconds, isTooMuch) = count.multipliedReportingOverflow(by: unit ?? 1)
        return !isTooMuch && seconds <= graceMax ? seconds : nil
    }

    private struct Rotated: Sendable {
        let key: WireKey
        let value: JSONValue?
        let isNew: Bool
        let replaced: WireKey?
        let credentials: WireCredentials
        let stopsWithin: Int?

        init(_ data: WireObject) throws(WireProblem) {
            value = data.object["key"]
            key = try WireKey(value)
            isNew = try data.flag("is_new")
            replaced = data.object["replaced"] == nil ? nil : try WireKey(data.object["replaced"])
            credentials = try WireCredentials(data)
            stopsWithin = try data.optionalNumber("stops_within_seconds")
        }
    }

    static func run(_ context: CommandContext) async throws(CommandFailure) -> NextProgram? {
        var body: JSONObject?
        if let text = context.option("grace") {
            guard let seconds = seconds(text) else {
                throw CommandFailure(
                    .usage,
                    "--grace: expected a time of at most a year such as 24h, 30m or 90 (seconds), not '\(text)'.")
            }
            body = ["grace_seconds": .int(seconds)]
        }
        let api = try context.api()
        let path = try await KeyCall.path(context, api) + "/rotate"
        let rotated = try await api.post(path, body) { data throws(WireProblem) in try Rotated(data) }
        let service = try await Names.service(rotated.key.serviceSystemName, api)
        if rotated.key.state == "pending" {
            throw CommandFailure(
                .failed, "The successor awaits the operator's approval of the plan \(rotated.key.planName).",
                hints: ["The old key works until then."])
        }
        guard let secret = rotated.credentials.secret else {
            throw CommandFailure(
                .failed,
                "The successor is key \(rotated.key.id); the server shows its secret only in the call that made it.",
                hints: ["Make another successor: mlaas key rotate \(rotated.key.id)"])
        }
        var output = KeyOutput(service: service, secret: secret, publicID: rotated.credentials.publicID)
        output.members = KeyOutput.members(of: rotated.value)
        if let old = rotated.replaced {
            output.members.append((name: "replaces", value: .string(old.id)))
            if let end = old.retiresAt { output.members.append((name: "retires_at", value: .string(end))) }
        }
        try KeySource.print(output, context)
        if !rotated.isNew {
            context.console.say(
                "An earlier rotation made this successor, key \(rotated.key.id): nothing new was made."
                    + (body == nil ? "" : " --grace changes nothing.")
                    + " To replace that one: mlaas key rotate \(rotated.key.id)")
        }
        if let old = rotated.replaced {
            let until = old.retiresAt.map { " works until \($0)." } ?? " is \(old.state)."
            context.console.say("The old key \(old.id)\(until)")
        }
        return nil
    }
}

/// `key revoke`.
struct KeyRevokeCommand: CLICommand {
    static let grammar = CommandLineGrammar.Command(
        "key revoke", "Delete a key for good", operands: [CommonWords.key],
        options: [.init("yes", "Do not ask; needed where no terminal can be asked")],
        details: [
            "With it end the older keys of the same name that it replaced and that are still there: the command names them."
        ], examples: ["mlaas key revoke granite_chat/batch", "mlaas key revoke 55 --yes"])

    static func run(_ context: CommandContext) async throws(CommandFailure) -> NextProgram? {
        if !context.flag("yes"), !(Terminal.inputIsTerminal && context.console.isErrorTerminal) {
            throw CommandFailure(
                .usage, "A key is revoked for good: no terminal can be asked whether you mean it.",
                hints: ["Add --yes."])
        }
        let api = try context.api()
        // The server answers a revoked key and one that never was alike, so that the call can be repeated.
        let keys = try await Names.keys(api).keys
        let key = try Names.listedKey(context.operand(), among: keys)
        let older = Names.replaced(by: key, among: keys)
        if !context.flag("yes") { try confirm(key, older, context) }
        let path = "/api/keys/" + PercentEncoding.encode(key.id)
        let stopsWithin = try await api.delete(path) { data throws(WireProblem) in
            (id: try data.text("id"), seconds: try data.optionalNumber("stops_within_seconds"), value: data.object)
        }
        if context.wantsJSON {
            var object = stopsWithin.value
            if !older.isEmpty { object["also_revoked"] = .array(older.map { .string($0.id) }) }
            try context.console.output(json: .object(object))
        } else {
            let others = older.isEmpty ? "" : " So are the older keys of that name: \(listed(older))."
            context.console.say("Key \(stopsWithin.id) is revoked.\(others)" + KeyCall.stops(stopsWithin.seconds))
        }
        return nil
    }

    private static func listed(_ keys: [WireKey]) -> String {
        keys.map { "\($0.id) (\($0.state))" }.joined(separator: ", ")
    }

    private static func confirm(
        _ key: WireKey, _ older: [WireKey], _ context: CommandContext
    ) throws(CommandFailure) {
        let others = older.isEmpty ? "" : "The older keys of that name end with it: \(listed(older)). "
        context.console.say(
            Console.printable(
                "Revoke key \(key.id) (\(key.serviceSystemName)/\(key.name), \(key.hint ?? key.state))? \(others)"
                    + "What uses it stops working. Type yes:"))
        guard Terminal.readAnswer() == "yes" else {
            throw CommandFailure(.failed, "Nothing was revoked.")
        }
    }
}
