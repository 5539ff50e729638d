import HTTPServer
import HelperCore
import JSON

/// The body of `PATCH /api/keys/{id}`.
enum KeyChangeBody {
    private static let members: Set<String> = ["expires_in", "note"]
    /// A minute to a hundred years.
    private static let lifetimes = 60...3_153_600_000
    private static let noteCharactersMax = 255

    static func changes(_ request: Request) throws -> ChangeKeys.Changes {
        let object = try JSONBody.object(request)
        var details = JSONBody.unknown(object, members)
        var changes = ChangeKeys.Changes()
        if let value = object["expires_in"] {
            changes.expiry = value == .null ? .never : lifetime(value, &details).map { .after($0) }
        }
        if let value = object["note"] { changes.note = note(value, &details) ?? "" }
        try JSONBody.check(details)
        return changes
    }

    /// Seconds; nil for null.
    static func lifetime(_ value: JSONValue?, _ details: inout [FieldIssue]) -> Int? {
        guard let value, value != .null else { return nil }
        let seconds = value.int(in: lifetimes)
        if seconds == nil {
            let range = "\(lifetimes.lowerBound) to \(lifetimes.upperBound)"
            details.append(.init(field: "expires_in", issue: "must be null or seconds from \(range)"))
        }
        return seconds
    }

    /// A text that may stand in a description before the mark; nil for null and an empty one.
    static func note(_ value: JSONValue?, _ details: inout [FieldIssue]) -> String? {
        guard let value, value != .null else { return nil }
        guard let text = value.string, text.unicodeScalars.count <= noteCharactersMax,
            text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) })
        else {
            let issue = "must be a string of at most \(noteCharactersMax) characters without control characters"
            details.append(.init(field: "note", issue: issue))
            return nil
        }
        return text.isEmpty ? nil : text
    }
}
