import Arguments
import Bytes
import EventLoop
import JSON
import WireContract

/// `key reveal`.
struct KeyRevealCommand: CLICommand {
    static let grammar = CommandLineGrammar.Command(
        "key reveal", "Print the secret of a key", operands: [CommonWords.key], options: [CommonWords.format],
        details: ["The server records each call in its audit log."])

    static func run(_ context: CommandContext) async throws(CommandFailure) -> NextProgram? {
        let api = try context.api()
        let answer = try await api.post(try await KeyCall.path(context, api) + "/reveal") { data throws(WireProblem) in
            (key: try WireKey(data.object["key"]), credentials: try WireCredentials(data))
        }
        guard let secret = answer.credentials.secret else {
            throw CommandFailure(
                .unreachable, "3scale shows no credential for the key yet.", hints: ["Run the command again shortly."])
        }
        let service = try await Names.service(answer.key.serviceSystemName, api)
        try KeySource.print(
            KeyOutput(service: service, secret: secret, publicID: answer.credentials.publicID), context)
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
            CommonWords.format,
        ], details: ["A repeated call for the same id prints the same successor."],
        examples: ["mlaas key rotate granite_chat/batch --grace 24h"])

    private static let units: [Character: Int] = ["s": 1, "m": 60, "h": 3_600, "d": 86_400]

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
        let replaced: WireKey?
        let credentials: WireCredentials
        let stopsWithin: Int?

        init(_ data: WireObject) throws(WireProblem) {
            key = try WireKey(data.object["key"])
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
        try KeySource.print(
            KeyOutput(service: service, secret: secret, publicID: rotated.credentials.publicID), context)
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
        options: [.init("yes", "Do not ask; needed where no terminal can be asked")])

    static func run(_ context: CommandContext) async throws(CommandFailure) -> NextProgram? {
        let api = try context.api()
        let path = try await KeyCall.path(context, api)
        if !context.flag("yes") { try await confirm(path, context, api) }
        let stopsWithin = try await api.delete(path) { data throws(WireProblem) in
            (id: try data.text("id"), seconds: try data.optionalNumber("stops_within_seconds"), value: data.object)
        }
        if context.wantsJSON {
            try context.console.output(json: .object(stopsWithin.value))
        } else {
            context.console.say("Key \(stopsWithin.id) is revoked." + KeyCall.stops(stopsWithin.seconds))
        }
        return nil
    }

    private static func confirm(
        _ path: String, _ context: CommandContext, _ api: APIClient
    ) async throws(CommandFailure) {
        guard Terminal.inputIsTerminal, context.console.isErrorTerminal else {
            throw CommandFailure(
                .usage, "A key is revoked for good: no terminal can be asked whether you mean it.",
                hints: ["Add --yes."])
        }
        let shown = try await api.get(path) { data throws(WireProblem) in try KeyCall.Changed(data) }
        let key = shown.key
        context.console.say(
            Console.printable(
                "Revoke key \(key.id) (\(key.serviceSystemName)/\(key.name), \(key.hint ?? key.state))? "
                    + "What uses it stops working. Type yes:"))
        guard Terminal.readAnswer() == "yes" else {
            throw CommandFailure(.failed, "Nothing was revoked.")
        }
    }
}
