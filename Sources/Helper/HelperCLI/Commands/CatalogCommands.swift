import Arguments
import JSON
import WireContract

/// `services`.
struct ServicesCommand: CLICommand {
    static let grammar = CommandLineGrammar.Command(
        "services", "List the model services that you may use",
        details: [
            "KEY is the state of your key, or - where you have none. A key is live, pending (the operator has yet to approve "
                + "it), paused (by you), suspended (by the operator), retiring (a successor has replaced it) or expired."
        ])

    static func run(_ context: CommandContext) async throws(CommandFailure) -> NextProgram? {
        let api = try context.api()
        let list = try await Names.services(api)
        let states = try await states(list.services, api)
        if context.wantsJSON {
            let shown = (list.shown.array ?? []).map { value -> JSONValue in
                guard var object = value.object, let id = object["id"]?.string, let state = states[id] else {
                    return value
                }
                object["key_state"] = .string(state)
                return .object(object)
            }
            try context.console.output(json: .array(shown))
            return nil
        }
        if list.services.isEmpty { context.console.say("There is no service that you may use. Ask the operator.") }
        var table = Table("NAME", "ID", "KEY", "PLAN", "ENDPOINT", "DESCRIPTION")
        for service in list.services {
            table.add(
                service.systemName, service.id, states[service.id] ?? service.keyState, service.planName,
                service.endpoint,
                service.description ?? service.name)
        }
        if !table.isEmpty { try context.console.output(table) }
        return nil
    }

    /// The states of keys, by service, for which the catalogue has one word: it says suspended of what the owner, the operator and
    /// the key's end have switched off.
    private static func states(
        _ services: [WireService], _ api: APIClient
    ) async throws(CommandFailure) -> [String: String] {
        let vague = Set(services.filter { $0.keyState == "suspended" }.map(\.id))
        guard !vague.isEmpty else { return [:] }
        var newest: [String: WireKey] = [:]
        for key in try await Names.keys(api).keys where vague.contains(key.serviceID) {
            let isDefault = key.name == KeySource.defaultName
            if let other = newest[key.serviceID] {
                let otherIsDefault = other.name == KeySource.defaultName
                guard isDefault == otherIsDefault ? key.generation > other.generation : isDefault else { continue }
            }
            newest[key.serviceID] = key
        }
        return newest.mapValues(\.state)
    }
}

/// `plans`.
struct PlansCommand: CLICommand {
    static let grammar = CommandLineGrammar.Command(
        "plans", "List the plans of a service with their limits",
        operands: [CommonWords.service],
        details: [
            "DEFAULT is yes for the plan that the service itself names for new keys. Where it names none, a key without --plan "
                + "gets the plan that the operator prefers, else the first one without approval; key get says which."
        ], examples: ["mlaas plans granite_chat"])

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
        "name", value: "NAME",
        "The key of that name (1 to 40 of a-z, 0-9 and -, a letter first); else the one named default")
    static let output = CommandLineGrammar.Option(
        "output", value: "FILE",
        "Write into a file that only you may read. It is replaced as a whole, and only after success")
    static let makesKey = "Where you have no such key, this command makes one."
    static let plan = CommandLineGrammar.Option(
        "plan", value: "PLAN", "The plan of a new key, by name or id; see 'mlaas help plans'")
    static let customHeaders =
        "Where the service wants its key in a header of its own, OPENAI_CUSTOM_HEADERS holds that header for versions of "
        + "OpenAI's client that read it."
    static let format = CommandLineGrammar.Option(
        "format", value: "FORMAT", choices: ["env", "json", "curl"], "Print more than the key alone")
}
