import Arguments
import JSON
import WireContract

/// `services`.
struct ServicesCommand: CLICommand {
    static let grammar = CommandLineGrammar.Command(
        "services", "List the model services that you may use",
        details: ["KEY is the state of your key: live, pending, paused, suspended, or - where you have none."])

    static func run(_ context: CommandContext) async throws(CommandFailure) -> NextProgram? {
        let list = try await Names.services(try context.api())
        if context.wantsJSON {
            try context.console.output(json: list.shown)
            return nil
        }
        if list.services.isEmpty { context.console.say("There is no service that you may use. Ask the operator.") }
        var table = Table("NAME", "ID", "KEY", "PLAN", "ENDPOINT", "DESCRIPTION")
        for service in list.services {
            table.add(
                service.systemName, service.id, service.keyState, service.planName, service.endpoint,
                service.description ?? service.name)
        }
        if !table.isEmpty { try context.console.output(table) }
        return nil
    }
}

/// `plans`.
struct PlansCommand: CLICommand {
    static let grammar = CommandLineGrammar.Command(
        "plans", "List the plans of a service with their limits",
        operands: [CommonWords.service], examples: ["mlaas plans granite_chat"])

    static func run(_ context: CommandContext) async throws(CommandFailure) -> NextProgram? {
        let api = try context.api()
        let service = try await Names.service(context.operand(), api)
        let plans = try await Names.plans(of: service, api)
        if context.wantsJSON {
            try context.console.output(json: .array(plans.map(json)))
            return nil
        }
        if plans.isEmpty { context.console.say("\(service.systemName) has no plan that you may choose.") }
        var table = Table("NAME", "ID", "DEFAULT", "APPROVAL", "LIMITS")
        for plan in plans {
            let limits = plan.limits.map { "\($0.value) \($0.metric)/\($0.period)" }.joined(separator: ", ")
            table.add(
                plan.systemName ?? plan.name, plan.id, plan.isDefault ? "yes" : "no", plan.needsApproval ? "yes" : "no",
                limits.isEmpty ? "none" : limits)
        }
        if !table.isEmpty { try context.console.output(table) }
        return nil
    }

    private static func json(_ plan: WirePlan) -> JSONValue {
        var object = JSONObject([
            ("id", .string(plan.id)), ("name", .string(plan.name)), ("default", .bool(plan.isDefault)),
            ("approval_required", .bool(plan.needsApproval)),
            (
                "limits",
                .array(
                    plan.limits.map { limit in
                        ["metric": .string(limit.metric), "period": .string(limit.period), "value": .int(limit.value)]
                    })
            ),
        ])
        if let systemName = plan.systemName { object["system_name"] = .string(systemName) }
        return .object(object)
    }
}

/// Words that several commands share.
enum CommonWords {
    static let service = CommandLineGrammar.Operand("SERVICE", "A service, by system name, name or id")
    static let key = CommandLineGrammar.Operand(
        "KEY", "A key: its id, its name, SERVICE/NAME, or a service of which you have one key")
    static let name = CommandLineGrammar.Option(
        "name", value: "NAME", "The key of that name; else the one named default")
    static let plan = CommandLineGrammar.Option(
        "plan", value: "PLAN", "The plan of a new key, by name or id; else the service's default")
    static let customHeaders =
        "Where the service wants its key in a header of its own, OPENAI_CUSTOM_HEADERS holds that header for versions of "
        + "OpenAI's client that read it."
    static let format = CommandLineGrammar.Option(
        "format", value: "FORMAT", choices: ["env", "json", "curl"], "Print more than the key alone")
}
