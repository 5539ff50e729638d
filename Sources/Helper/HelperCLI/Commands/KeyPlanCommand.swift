import Arguments
import JSON
import WireContract

/// `key plan`.
struct KeyPlanCommand: CLICommand {
    static let grammar = CommandLineGrammar.Command(
        "key plan", "Give a key another plan of its service",
        operands: [CommonWords.key, .init("PLAN", "A plan of the key's service, by name or id")],
        details: [
            "The key stays the same. A plan that needs the operator's approval is refused: make a key of another name with "
                + "it, by key get --name NAME --plan PLAN."
        ], examples: ["mlaas plans granite_chat", "mlaas key plan granite_chat/batch basic"])

    static func run(_ context: CommandContext) async throws(CommandFailure) -> NextProgram? {
        let api = try context.api()
        let path = try await KeyCall.path(context, api)
        let shown = try await api.get(path) { data throws(WireProblem) in try KeyCall.Changed(data) }
        let service = try await Names.service(shown.key.serviceID, api)
        let plan = try await Names.plan(context.operand(1), of: service, api)
        let changed = try await api.put(path + "/plan", ["plan_id": .string(plan.id)]) { data throws(WireProblem) in
            try KeyCall.Changed(data)
        }
        if context.wantsJSON {
            try context.console.output(json: changed.value)
        } else {
            let key = changed.key
            context.console.say("Key \(key.id) (\(key.serviceSystemName)/\(key.name)) has the plan \(key.planName).")
        }
        return nil
    }
}
