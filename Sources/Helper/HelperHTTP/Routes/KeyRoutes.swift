import Bytes
import HTTP
package import HTTPServer
package import HelperCore
import JSON

/// The caller's API keys.
package struct KeyRoutes: Sendable {
    private static let limits = 1...100
    private static let defaultLimit = 50

    private let find: FindKeys

    package init(find: FindKeys) { self.find = find }

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

    /// `GET /api/keys/{id}`.
    package func detail(_ context: CallerContext) async throws -> Response {
        let item = try await find.one(try Self.id(context.parameters[0]), for: context.caller)
        return Envelope.success("API key retrieved") { writer in
            writer.name("key")
            KeyEncoding.write(item, to: &writer)
        }
    }

    private static func filter(_ request: Request) throws(HelperError) -> FindKeys.Filter {
        var query = QueryValues(request, names: ["service_id", "state", "limit", "cursor"])
        let service = query.value("service_id", expected: "the id of a service") { number($0, 0 ... .max) }
        let names = KeyState.allCases.map(\.rawValue).joined(separator: ", ")
        let state = query.value("state", expected: "one of \(names)") { KeyState(rawValue: $0) }
        let limit = query.value("limit", expected: "a number from 1 to 100") { number($0, limits) }
        let after = query.value("cursor", expected: "the next_cursor of an answer") { FindKeys.Position($0) }
        try query.check()
        return FindKeys.Filter(service: service, state: state, after: after, limit: limit ?? defaultLimit)
    }

    private static func number(_ text: String, _ range: ClosedRange<Int>) -> Int? {
        ForeignNumber(text)?.within(range).flatMap { String($0) == text ? $0 : nil }
    }

    /// Ids are texts to clients; one that is not one of 3scale's numbers names nothing.
    private static func id(_ text: String) throws(HelperError) -> Int {
        guard let id = number(text, 0 ... .max) else {
            throw HelperError(.keyNotFound, "You have no such API key.")
        }
        return id
    }
}
