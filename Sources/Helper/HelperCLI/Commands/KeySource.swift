import HTTP
import JSON
import WireContract

/// Gets the caller's key for a service, and makes it where there is none.
enum KeySource {
    /// The name of the key that `init` answers.
    static let defaultName = "default"

    /// The key that the command line asks for.
    static func key(_ context: CommandContext, _ api: APIClient) async throws(CommandFailure) -> KeyOutput {
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
        // `init` has one word for what the owner, the operator and the key's end have switched off.
        let isVague = path == "/api/services/init" && made.state == "suspended"
        let state = isVague ? try await listedState(service, api) ?? made.state : made.state
        let name = "\(service.systemName)/\(context.option("name") ?? defaultName)"
        if let refusal = refusal(state, name, made.planName) { throw refusal }
        let output = try output(made, service, context)
        if let words = keptPlan(made, wantedPlan, name) { context.console.say(words) }
        if made.state == "retiring" {
            let end = made.retiresAt.map { " at \($0)" } ?? ""
            context.console.say("This key retires\(end), and its successor does not work. See: mlaas key show \(name)")
        }
        return output
    }

    /// Returns what to say of a key that is there and has another plan than the one that was asked for.
    private static func keptPlan(_ made: Made, _ wanted: WirePlan?, _ key: String) -> String? {
        guard let wanted, !made.isNew, made.planID != wanted.id else { return nil }
        let command = "mlaas key plan \(key) \(wanted.systemName ?? wanted.id)"
        return "\(key) is on the plan \(made.planName), which this command does not change. Change it: \(command)"
    }

    /// Returns the state of the key that `init` answers, as the list of keys has it; nil where it is not listed.
    private static func listedState(_ service: WireService, _ api: APIClient) async throws(CommandFailure) -> String? {
        try await Names.keys(api, ["service_id=\(PercentEncoding.encode(service.id))"]).keys
            .filter { $0.name == defaultName }.max { $0.generation < $1.generation }?.state
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

        init(_ data: WireObject) throws(WireProblem) {
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
        _ made: Made, _ service: WireService, _ context: CommandContext
    ) throws(CommandFailure) -> KeyOutput {
        let name = service.systemName
        guard let secret = made.credentials.secret else {
            throw CommandFailure(
                .failed, "The server shows a key only in the call that makes it.",
                hints: ["Make a successor, whose key is shown: mlaas key rotate \(name)"])
        }
        if made.isNew {
            context.console.say("Made a new key for \(name) on the plan \(Console.printable(made.planName)).")
        }
        return KeyOutput(service: service, secret: secret, publicID: made.credentials.publicID)
    }

    /// Prints a key in the form that the command line asks for.
    static func print(_ key: KeyOutput, _ context: CommandContext) throws(CommandFailure) {
        switch context.option("format") ?? (context.wantsJSON ? "json" : "") {
        case "env": try context.console.output(try key.lines(exports: false))
        case "json": try context.console.output(json: key.json)
        case "curl": try context.console.output(try key.curl())
        default:
            try context.console.output(key.secret)
            if let id = key.publicID {
                context.console.say(
                    "\(key.service.systemName) wants the id \(Console.printable(id)) with it: --format json prints both."
                )
            }
        }
    }
}
