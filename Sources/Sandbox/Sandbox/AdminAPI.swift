import HTTP
import HTTPServer
import JSON
import KeycloakSandbox
import SandboxSupport
import ThreeScaleSandbox

/// The sandbox's own small API: faults, keys, clock, races, people, and what has been asked.
struct AdminAPI: Responder {
    let keycloak: KeycloakSandbox
    let threeScale: ThreeScaleSandbox
    let keycloakFaults: FaultInjector
    let threeScaleFaults: FaultInjector
    let gatewayFaults: FaultInjector
    let clock: SandboxClock
    let seed: Tenant

    func respond(to request: Request) -> Answer {
        let path = request.path.split(separator: "/").map(String.init)
        let body = try? JSONValue(parsing: request.body)
        let answer: JSONValue? =
            switch path.first {
            case "faults": faults(request.method, path, body)
            case "journal": journal(request.method, path)
            case "keys": keys(request.method, body)
            case "clock" where request.method == .put: setClock(body)
            case "race" where request.method == .put: setRace(body)
            case "knobs" where request.method == .put: setKnobs(body)
            case "seed" where request.method == .put: setSeed(body)
            case "tokens" where request.method == .post: addToken(body)
            case "services" where request.method == .put: damageService(path, body)
            case "traffic" where request.method == .post: addTraffic(body)
            case "issuer" where request.method == .put: setIssuer(body)
            case "rotation" where request.method == .put: setRotation(body)
            case "users": users(request.method, path, body)
            case "counts" where request.method == .get: counts
            case "reset" where request.method == .post: reset()
            case nil where request.method == .get: Self.help
            default: nil
            }
        guard let answer else {
            return .now(
                .json(
                    JSONValue.object(["error": "unknown or malformed request; GET / lists what there is"]).encoded(),
                    status: .badRequest))
        }
        return .now(.json(answer.encoded(pretty: true)))
    }

    private static let done: JSONValue = ["done": true]

    private static let help: JSONValue = [
        "GET|POST|DELETE /faults/{keycloak|3scale|gateway}": .array(
            [
                .string(
                    "{\"kind\":…,\"method\":…,\"path\":\"/admin/api/*\",\"status\":…,\"body\":…,\"delay_ms\":…,\"count\":…,\"probability\":…,\"retry_after\":…,\"retry_after_date_seconds\":…}"
                )
            ] + Fault.Kind.allCases.map { .string($0.rawValue) }),
        "GET|DELETE /journal/{keycloak|3scale|gateway}": "what has been asked", "POST /keys": "a new signing key",
        "DELETE /keys": "withdraws all signing keys but the newest, or {\"kid\":…}",
        "PUT /clock": "{\"offset_seconds\":…}: the imitated servers' clock",
        "PUT /race": "{\"milliseconds\":…}: 3scale's uniqueness checks miss younger rows; 0 ends it",
        "PUT /knobs": .object(JSONObject(KnobNames.help.map { ($0.name, .string($0.meaning)) })),
        "PUT /seed": "{\"seed\":…}: of the faults with a probability, of 3scale's delays and of what find answers",
        "POST /tokens":
            "{\"value\":…,\"scopes\":[…],\"read_only\":…,\"member\":…,\"services\":[ids that its owner sees]}, or {\"provider_key\":…}: one more access token of 3scale",
        "PUT /services/{id}":
            "{\"promoted\":…,\"service_plans\":…}: states that 3scale's API does not lead to; {\"mapping_rules\":[{\"method\":\"GET\",\"pattern\":\"/v1/\",\"metric\":\"hits\",\"delta\":1}]}: what the gateway lets through",
        "POST /traffic":
            "{\"application_id\":…,\"metric\":\"hits\",\"count\":…,\"response_code\":…,\"seconds_ago\":…}, or {\"days\":…} for usage of every live application that the seed chooses",
        "PUT /rotation": "{\"on\":…}: a refresh token is good for one use, and a second use ends the session",
        "PUT /issuer": "{\"issuer\":…}, null follows the host again", "POST /users": "{\"username\":…}",
        "PUT /users/{name}": "{\"enabled\":…}, or {\"username\":…}: another name; id and password stay",
        "GET /counts": "accounts and applications",
        "POST /reset": "back to the seed",
    ]

    // MARK: Parts

    private func injector(_ path: [String]) -> FaultInjector? {
        guard path.count == 2 else { return nil }
        return switch path[1] {
        case "keycloak": keycloakFaults
        case "3scale": threeScaleFaults
        case "gateway": gatewayFaults
        default: nil
        }
    }

    private func faults(_ method: HTTPMethod, _ path: [String], _ body: JSONValue?) -> JSONValue? {
        guard let injector = injector(path) else { return nil }
        switch method {
        case .get: break
        case .post:
            guard let fault = body.flatMap(Fault.init) else { return nil }
            injector.add(fault)
        case .delete: injector.faults = []
        default: return nil
        }
        return ["faults": .array(injector.faults.map(\.json)), "applied": .int(injector.counts.faults)]
    }

    private func journal(_ method: HTTPMethod, _ path: [String]) -> JSONValue? {
        guard let injector = injector(path) else { return nil }
        if method == .delete { injector.clearJournal() }
        let entries = injector.journal.map { entry -> JSONValue in
            ["method": .string(entry.method), "path": .string(entry.path), "status": .int(entry.status)]
        }
        return ["requests": .int(injector.counts.requests), "journal": .array(entries)]
    }

    private func keys(_ method: HTTPMethod, _ body: JSONValue?) -> JSONValue? {
        switch method {
        case .post: return (try? keycloak.rotateKeys()).map { ["kid": .string($0)] }
        case .delete:
            keycloak.removeKeys(body?["kid"]?.string)
            return Self.done
        default: return nil
        }
    }

    private func setClock(_ body: JSONValue?) -> JSONValue? {
        guard let offset = body?["offset_seconds"]?.int else { return nil }
        clock.setOffset(offset)
        return Self.done
    }

    private func setRace(_ body: JSONValue?) -> JSONValue? {
        guard let milliseconds = body?["milliseconds"]?.int, milliseconds >= 0 else { return nil }
        threeScale.change { $0.knobs.uniquenessRaceMilliseconds = milliseconds }
        return Self.done
    }

    /// Sets the members that are there; refused as a whole when one of them is unknown or of another type.
    private func setKnobs(_ body: JSONValue?) -> JSONValue? {
        guard let members = body?.object else { return nil }
        var knobs = threeScale.snapshot.knobs
        for (name, value) in members.members {
            guard let knob = KnobNames.all[name], knob.set(&knobs, value) else { return nil }
        }
        let changed = knobs
        threeScale.change { $0.knobs = changed }
        return Self.done
    }

    private func setSeed(_ body: JSONValue?) -> JSONValue? {
        guard let seed = body?["seed"]?.int else { return nil }
        keycloakFaults.reseed(UInt64(bitPattern: Int64(seed)))
        threeScaleFaults.reseed(UInt64(bitPattern: Int64(seed)) &+ 1)
        gatewayFaults.reseed(UInt64(bitPattern: Int64(seed)) &+ 3)
        threeScale.change { $0.random = SplitMix(seed: UInt64(bitPattern: Int64(seed)) &+ 2) }
        return Self.done
    }

    private func addToken(_ body: JSONValue?) -> JSONValue? {
        if let key = body?["provider_key"]?.string, !key.isEmpty {
            threeScale.change { $0.providerKey = key }
            return Self.done
        }
        guard let value = body?["value"]?.string, !value.isEmpty else { return nil }
        let services = body?["services"]?.array.map { Set($0.compactMap(\.int)) }
        let scopes = body?["scopes"]?.array?.compactMap(\.string) ?? ["account_management", "stats"]
        let token = AccessTokenRecord(
            value: value, scopes: Set(scopes), isReadOnly: body?["read_only"]?.bool ?? false,
            isMember: body?["member"]?.bool ?? false, services: services)
        threeScale.change { $0.add(token) }
        return Self.done
    }

    private func damageService(_ path: [String], _ body: JSONValue?) -> JSONValue? {
        guard path.count == 2, let id = Int(path[1]), threeScale.snapshot.services[id] != nil else { return nil }
        var rules: [(method: String, pattern: String, metric: String, delta: Int)]?
        if let given = body?["mapping_rules"] {
            rules = given.array?.compactMap(Self.rule)
            guard rules?.count == given.array?.count, rules != nil else { return nil }
        }
        threeScale.change { [rules] in
            _ = $0.damage(
                service: id, isPromoted: body?["promoted"]?.bool,
                hasServicePlans: body?["service_plans"]?.bool ?? true)
            if let rules { $0.setRules(rules, ofService: id) }
        }
        return Self.done
    }

    private static func rule(_ value: JSONValue) -> (method: String, pattern: String, metric: String, delta: Int)? {
        guard let pattern = value["pattern"]?.string, pattern.hasPrefix("/") else { return nil }
        let delta = value["delta"]?.int ?? 1
        guard (1...1_000_000).contains(delta) else { return nil }
        return (value["method"]?.string ?? "GET", pattern, value["metric"]?.string ?? "hits", delta)
    }

    private func addTraffic(_ body: JSONValue?) -> JSONValue? {
        let now = clock.now
        if let days = body?["days"]?.int, (1...400).contains(days) {
            threeScale.change { $0.seedTraffic(days: days, now: now) }
            return Self.done
        }
        guard let id = body?["application_id"]?.int, let count = body?["count"]?.int,
            (0...1_000_000_000).contains(count)
        else { return nil }
        let metric = body?["metric"]?.string ?? "hits"
        let age = body?["seconds_ago"]?.int ?? 0
        var isKnown = false
        threeScale.change {
            isKnown = $0.use(
                application: id, metric: metric, count: count, responseCode: body?["response_code"]?.string,
                at: now - max(0, min(age, now)))
        }
        return isKnown ? Self.done : nil
    }

    private func setIssuer(_ body: JSONValue?) -> JSONValue? {
        guard let issuer = body?["issuer"] else { return nil }
        keycloak.setIssuer(issuer.string)
        return Self.done
    }

    private func setRotation(_ body: JSONValue?) -> JSONValue? {
        guard let rotates = body?["on"]?.bool else { return nil }
        keycloak.setRotation(rotates)
        return Self.done
    }

    private func users(_ method: HTTPMethod, _ path: [String], _ body: JSONValue?) -> JSONValue? {
        if method == .post, path.count == 1, let name = body?["username"]?.string {
            keycloak.addUser(name)
            let kept = name.lowercased()
            return ["username": .string(kept), "password": .string("\(kept)-password")]
        }
        guard method == .put, path.count == 2, let name = PercentEncoding.decode(path[1].utf8) else { return nil }
        let isDone =
            if let renamed = body?["username"]?.string {
                keycloak.rename(name, to: renamed)
            } else if let enabled = body?["enabled"]?.bool {
                keycloak.setEnabled(name, enabled)
            } else {
                false
            }
        return isDone ? Self.done : nil
    }

    private var counts: JSONValue {
        let tenant = threeScale.snapshot
        return [
            "services": .int(tenant.services.count), "accounts": .int(tenant.accounts.count),
            "users": .int(tenant.users.count), "applications": .int(tenant.applications.count),
        ]
    }

    private func reset() -> JSONValue {
        keycloakFaults.faults = []
        threeScaleFaults.faults = []
        gatewayFaults.faults = []
        keycloakFaults.clearJournal()
        threeScaleFaults.clearJournal()
        gatewayFaults.clearJournal()
        clock.setOffset(0)
        keycloak.setIssuer(nil)
        keycloak.setRotation(false)
        threeScale.change { $0 = seed }
        return Self.done
    }
}
