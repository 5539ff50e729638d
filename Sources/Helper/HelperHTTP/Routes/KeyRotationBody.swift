import HTTPServer
import HelperCore
import JSON

/// The body of `POST /api/keys/{id}/rotate`, which may be left out.
enum KeyRotationBody {
    /// - Parameter max: the longest grace, in seconds.
    static func graceSeconds(_ request: Request, max: Int) throws -> Int? {
        guard !request.body.isEmpty else { return nil }
        let object = try JSONBody.object(request)
        var details = JSONBody.unknown(object, ["grace_seconds"])
        var seconds: Int?
        if let value = object["grace_seconds"], value != .null {
            seconds = value.int(in: 0...max)
            if seconds == nil {
                details.append(.init(field: "grace_seconds", issue: "must be seconds from 0 to \(max)"))
            }
        }
        try JSONBody.check(details)
        return seconds
    }
}
