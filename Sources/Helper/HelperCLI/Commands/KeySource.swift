import EventLoop
import FoundationEssentials
import HTTP
import JSON
import WireContract

/// Gets the caller's key for a service, and makes it where there is none.
enum KeySource {
    /// The name of the key that `init` answers.
    static let defaultName = "default"

    /// The key that the command line asks for.
    static func key(_ context: CommandContext, _ api: APIClient) async throws(CommandFailure) -> KeyOutput {
        if let name = context.option("name"), !Names.isKeyName(name) {
            throw CommandFailure(
                .usage, "--name: expected 1 to 40 of a-z, 0-9 and -, starting with a letter, not '\(name)'.")
        }
        let service = try await Names.service(context.operand(), api)
        var body: JSONObject = ["service_id": .string(service.id)]
        var wantedPlan: WirePlan?
        if let text = context.option("plan") {
            let plan = try await Names.plan(text, of: service, api)
            body["plan_id"] = .string(plan.id)
            wantedPlan = plan
        }
        var path = "/api/services/init"
        if let name = context.option("name"), name != defaultName {
            path = "/api/keys"
            body["name"] = .string(name)
        }
        let made = try await api.post(path, body) { data throws(WireProblem) in try Made(data) }
        let keyName = context.option("name") ?? defaultName
        let name = "\(service.systemName)/\(keyName)"
        // `init` names no key, and has one word for what the owner, the operator and the key's end have switched off.
        let isNamed = made.key != nil
        let page =
            isNamed && made.state != "retiring"
            ? nil : try await Names.keys(api, ["service_id=\(PercentEncoding.encode(service.id))"])
        let generations = zip(page?.keys ?? [], page?.values ?? []).filter { $0.0.name == keyName }
            .sorted { $0.0.generation > $1.0.generation }
        let listed = generations.first { ["live", "retiring"].contains($0.0.state) } ?? generations.first
        let state = isNamed ? made.state : listed?.0.state ?? made.state
        if let refusal = refusal(state, name, made.planName) { throw refusal }
        var output = try output(made, service, keyName, context)
        output.members = KeyOutput.members(of: made.key ?? listed?.1)
        if let words = keptPlan(made, wantedPlan, name) { context.console.say(words) }
        if state == "retiring" {
            context.console.say(retiring(name, made.retiresAt ?? listed?.0.retiresAt, generations.first?.0))
        }
        return output
    }

    /// What to say of a key that is printed because its successor does not work.
    private static func retiring(_ name: String, _ end: String?, _ successor: WireKey?) -> String {
        let start = "This is the older key of \(name), which works until \(end ?? "it retires")"
        guard let successor else { return start + ". See: mlaas keys" }
        let words = start + ": its successor, key \(successor.id), is \(successor.state)."
        return successor.state == "paused" ? words + " Let that one work again: mlaas key resume \(name)" : words
    }

    /// Returns what to say of a key that is there and has another plan than the one that was asked for.
    private static func keptPlan(_ made: Made, _ wanted: WirePlan?, _ key: String) -> String? {
        guard let wanted, !made.isNew, made.planID != wanted.id else { return nil }
        let command = "mlaas key plan \(key) \(wanted.systemName ?? wanted.id)"
        return "\(key) is on the plan \(made.planName), which this command does not change. Change it: \(command)"
    }

    /// Returns why a key in this state is not printed, and what its owner can do; nil for a key that works.
    /// - Parameter key: `SERVICE/NAME`.
    static func refusal(_ state: String, _ key: String, _ planName: String) -> CommandFailure? {
        switch state {
        case "live", "retiring": nil
        case "pending":
            CommandFailure(
                .failed, "The key \(key) awaits the operator's approval of the plan \(planName).",
                hints: ["Run the command again when it is approved."])
        case "paused":
            CommandFailure(.failed, "The key \(key) is paused.", hints: ["Let it work again: mlaas key resume \(key)"])
        case "expired":
            CommandFailure(
                .failed, "The key \(key) has expired.",
                hints: ["Delete it: mlaas key revoke \(key)", "Then run the command again, which makes a new key."])
        default: CommandFailure(.failed, "The key \(key) is \(state).", hints: ["Ask the operator why."])
        }
    }

    /// The data of `init` and of `POST /api/keys`.
    private struct Made: Sendable {
        let credentials: WireCredentials
        let isNew: Bool
        let state: String
        let planID: String
        let planName: String
        let retiresAt: String?
        /// The key itself; nil in an answer of `init`.
        let key: JSONValue?

        init(_ data: WireObject) throws(WireProblem) {
            self.key = data.object["key"]
            credentials = try WireCredentials(data)
            isNew = try data.flag("is_new")
            let key = try data.optionalChild("key")
            if let key { state = try key.text("state") } else { state = try data.text("key_state") }
            retiresAt = try key?.optionalText("retires_at")
            let plan = try (key ?? data).child("plan")
            planID = try plan.text("id")
            planName = try plan.text("name")
        }
    }

    private static func output(
        _ made: Made, _ service: WireService, _ keyName: String, _ context: CommandContext
    ) throws(CommandFailure) -> KeyOutput {
        let name = service.systemName
        guard let secret = made.credentials.secret else {
            throw CommandFailure(
                .failed, "The server shows a key only in the call that makes it.",
                hints: ["Make a successor, whose key is shown: mlaas key rotate \(name)/\(keyName)"])
        }
        if made.isNew {
            context.console.say("Made a new key for \(name) on the plan \(Console.printable(made.planName)).")
        }
        return KeyOutput(service: service, secret: secret, publicID: made.credentials.publicID)
    }

    /// Prints a key in the form that the command line asks for.
    static func print(_ key: KeyOutput, _ context: CommandContext) throws(CommandFailure) {
        switch context.option("format") ?? (context.wantsJSON ? "json" : "") {
        case "env":
            try write(try key.lines(exports: false), context)
            for name in try key.linesLeftOut() {
                context.console.say(
                    "\(name) has several lines, which files of this kind cannot hold everywhere: 'mlaas env' sets it.")
            }
        case "json": try write(Console.text(key.json), context)
        case "curl": try write(try key.curl(), context)
        default:
            try write(key.secret, context)
            if let id = key.publicID {
                context.console.say(
                    "\(key.service.systemName) wants the id \(Console.printable(id)) with it: --format json prints both."
                )
            }
        }
    }

    /// Writes a text that holds a secret to the file of `--output`, else to standard output.
    static func write(_ text: String, _ context: CommandContext) throws(CommandFailure) {
        guard let path = context.option("output") else { return try context.console.output(text) }
        let bytes = Array((text + "\n").utf8)
        do throws(PrivateFile.Problem) {
            try PrivateFile.checkReplaceable(path)
            let suffix = ".mlaas-\(ProcessInfo.processInfo.processIdentifier)"
            try PrivateFileReplacement(path, reserving: bytes.count, suffix: suffix).commit(bytes)
        } catch {
            throw CommandFailure(
                .failed, "--output: \(error).", hints: ["What was there before is unchanged. Name a regular file."])
        }
        context.console.say("Wrote \(Console.printable(path)), which only you may read.")
    }
}
