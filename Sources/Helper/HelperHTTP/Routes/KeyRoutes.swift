import Bytes
import HTTP
package import HTTPServer
package import HelperCore
import JSON

/// The caller's API keys.
package struct KeyRoutes: Sendable {
    private static let limits = 1...100
    private static let defaultLimit = 50

    let find: FindKeys
    let change: ChangeKeys
    let make: MakeKeys
    let testKey: TestKey
    let readUsage: ReadUsage
    let now: @Sendable () -> Int

    /// - Parameter now: seconds since 1970.
    package init(
        find: FindKeys, change: ChangeKeys, make: MakeKeys, test: TestKey, usage: ReadUsage,
        now: @escaping @Sendable () -> Int
    ) {
        testKey = test
        readUsage = usage
        self.now = now
        self.make = make
        self.find = find
        self.change = change
    }

    /// `GET /api/keys`.
    package func list(_ context: CallerContext) async throws -> Response {
        let page = try await find.list(try Self.filter(context.request), for: context.caller)
        return Envelope.success("API keys retrieved") { writer in
            writer.name("keys")
            writer.beginArray()
            for item in page.items { KeyEncoding.write(item, to: &writer) }
            writer.endArray()
            if let next = page.next {
                writer.name("next_cursor")
                writer.string(next.description)
            }
        }
    }

    /// `POST /api/keys`.
    package func create(_ context: CallerContext) async throws -> Response {
        let body = try KeyCreationBody(context.request)
        let wish = MakeKeys.Wish(
            serviceID: try ServiceRoutes.serviceID(body.serviceID), planID: try InitBody.planNumber(body.planID),
            name: body.name, expiresIn: body.expiresIn, note: body.note)
        let made = try await make.create(wish, for: context.caller)
        return Self.answer(made.isNew ? "API key created" : "API key found", made)
    }

    /// `POST /api/keys/{id}/rotate`.
    package func rotate(_ context: CallerContext) async throws -> Response {
        let grace = try KeyRotationBody.graceSeconds(context.request, max: make.graceMax)
        let made = try await make.rotate(try Self.id(context), graceSeconds: grace, for: context.caller)
        return Self.answer("API key rotated", made, stopsWithin: make.stopsWithinSeconds)
    }

    /// The answer of a call that may have made a key: 201 where it has.
    private static func answer(_ message: String, _ made: MakeKeys.Made, stopsWithin: Int? = nil) -> Response {
        var response = Envelope.success(message) { writer in
            writer.name("key")
            KeyEncoding.write(made.item, to: &writer)
            writer.name("is_new")
            writer.bool(made.isNew)
            if let secret = made.secret, let text = secret.key {
                writer.name("api_key")
                writer.string(text)
                ServiceEncoding.writeCredentials(made.item.service, secret, to: &writer)
            }
            if let replaced = made.replaced {
                writer.name("replaced")
                KeyEncoding.write(replaced, to: &writer)
            }
            if let stopsWithin {
                writer.name("stops_within_seconds")
                writer.int(stopsWithin)
            }
        }
        if made.isNew { response.status = .created }
        return response
    }

    /// `GET /api/keys/{id}`.
    package func detail(_ context: CallerContext) async throws -> Response {
        Self.answer("API key retrieved", try await find.one(try Self.id(context), for: context.caller))
    }

    /// `POST /api/keys/{id}/reveal`.
    package func reveal(_ context: CallerContext) async throws -> Response {
        try JSONBody.none(context.request)
        let revealed = try await change.reveal(try Self.id(context), for: context.caller)
        return Envelope.success("API key revealed") { writer in
            writer.name("key")
            KeyEncoding.write(revealed.item, to: &writer)
            if let text = revealed.secret.key {
                writer.name("api_key")
                writer.string(text)
            }
            ServiceEncoding.writeCredentials(revealed.item.service, revealed.secret, to: &writer)
        }
    }

    /// `GET /api/keys/{id}/usage`.
    package func usage(_ context: CallerContext) async throws -> Response {
        let id = try Self.id(context)
        let period = try UsageQuery.period(context.request, now: now())
        let result = try await readUsage(id, in: period, for: context.caller)
        return Envelope.success("Usage retrieved") { UsageEncoding.write(result, to: &$0) }
    }

    /// `POST /api/keys/{id}/test`.
    package func test(_ context: CallerContext) async throws -> Response {
        try JSONBody.none(context.request)
        let result = try await testKey(try Self.id(context), for: context.caller)
        return Envelope.success("API key tested") { KeyTestEncoding.write(result, to: &$0) }
    }

    /// `POST /api/keys/{id}/pause`.
    package func pause(_ context: CallerContext) async throws -> Response {
        try JSONBody.none(context.request)
        let item = try await change.pause(try Self.id(context), for: context.caller)
        return Self.answer("API key paused", item, stopsWithin: change.stopsWithinSeconds)
    }

    /// `POST /api/keys/{id}/resume`.
    package func resume(_ context: CallerContext) async throws -> Response {
        try JSONBody.none(context.request)
        return Self.answer("API key resumed", try await change.resume(try Self.id(context), for: context.caller))
    }

    /// `PATCH /api/keys/{id}`.
    package func patch(_ context: CallerContext) async throws -> Response {
        let changes = try KeyChangeBody.changes(context.request)
        let item = try await change.change(try Self.id(context), changes, for: context.caller)
        return Self.answer("API key changed", item)
    }

    /// `PUT /api/keys/{id}/plan`.
    package func changePlan(_ context: CallerContext) async throws -> Response {
        let object = try JSONBody.object(context.request)
        var details = JSONBody.unknown(object, ["plan_id"])
        let text = JSONBody.identifier("plan_id", of: object, &details)
        if text == nil, details.isEmpty { details.append(.init(field: "plan_id", issue: "is required")) }
        try JSONBody.check(details)
        let plan = try InitBody.planNumber(text) ?? 0
        let item = try await change.changePlan(of: try Self.id(context), to: plan, for: context.caller)
        return Self.answer("API key's plan changed", item)
    }

    /// `DELETE /api/keys/{id}`.
    package func revoke(_ context: CallerContext) async throws -> Response {
        let id = try Self.id(context)
        let wasThere = try await change.revoke(id, for: context.caller)
        return Envelope.success(wasThere ? "API key revoked" : "You have no API key of this id any more") { writer in
            writer.name("id")
            writer.string(String(id))
            writer.name("stops_within_seconds")
            writer.int(change.stopsWithinSeconds)
        }
    }

    /// - Parameter seconds: what a call that stops a key says of the gateways.
    private static func answer(
        _ message: String, _ item: FindKeys.Item, stopsWithin seconds: Int? = nil
    ) -> Response {
        Envelope.success(message) { writer in
            writer.name("key")
            KeyEncoding.write(item, to: &writer)
            if let seconds {
                writer.name("stops_within_seconds")
                writer.int(seconds)
            }
        }
    }

    private static func filter(_ request: Request) throws(HelperError) -> FindKeys.Filter {
        var query = QueryValues(request, names: ["service_id", "state", "limit", "cursor"])
        let service = query.value("service_id", expected: "the id of a service") { ForeignNumber.canonical($0) }
        let names = KeyState.allCases.map(\.rawValue).joined(separator: ", ")
        let state = query.value("state", expected: "one of \(names)") { KeyState(rawValue: $0) }
        let limit = query.value("limit", expected: "a number from 1 to 100") { ForeignNumber.canonical($0, in: limits) }
        let after = query.value("cursor", expected: "the next_cursor of an answer") { FindKeys.Position($0) }
        try query.check()
        return FindKeys.Filter(service: service, state: state, after: after, limit: limit ?? defaultLimit)
    }

    /// Ids are texts to clients; one that is not one of 3scale's numbers names nothing.
    private static func id(_ context: CallerContext) throws(HelperError) -> Int {
        guard let id = ForeignNumber.canonical(context.parameters[0]) else {
            throw HelperError(.keyNotFound, "You have no such API key.")
        }
        return id
    }
}
