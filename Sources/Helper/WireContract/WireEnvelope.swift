import JSON

/// The outer shape of every answer.
package enum WireEnvelope: Sendable {
    /// `{"status":"success","message":…,"data":{…}}`.
    case success(message: String, data: WireObject)
    /// `{"status":"error","error":{…}}`.
    case failure(WireFailure)

    /// - Parameter body: JSON text.
    package init(_ body: [UInt8]) throws(WireProblem) {
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONValue(parsing: body)
        } catch {
            throw WireProblem("the body is not JSON: \(error)")
        }
        let object = try WireObject(value, "body")
        switch try object.text("status") {
        case "success": self = .success(message: try object.text("message"), data: try object.child("data"))
        case "error": self = .failure(try WireFailure(object.child("error")))
        default: throw WireProblem("'status' is neither success nor error")
        }
    }
}

/// The `error` of a failure.
package struct WireFailure: Sendable, Equatable {
    package struct Detail: Sendable, Equatable {
        package let field: String
        package let issue: String
    }

    /// Such as `SERVICE_NOT_FOUND`. A newer server may answer codes that this build does not know.
    package let code: String
    package let message: String
    package let details: [Detail]
    package let requestID: String

    init(_ error: WireObject) throws(WireProblem) {
        code = try error.text("code")
        message = try error.text("message")
        requestID = try error.text("request_id")
        var details: [Detail] = []
        if error.object["details"] != nil {
            for value in try error.list("details") {
                let detail = try WireObject(value, "details")
                details.append(Detail(field: try detail.text("field"), issue: try detail.text("issue")))
            }
        }
        self.details = details
    }
}
