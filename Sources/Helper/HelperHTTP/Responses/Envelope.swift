import HTTP
import HTTPServer
import HelperCore
import JSON

/// The two shapes of every answer's body.
enum Envelope {
    /// `{"status":"success","message":…,"data":{…}}`.
    /// - Parameter data: writes the members of `data`.
    static func success(_ message: String, data: (inout JSONWriter) -> Void) -> Response {
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("status")
        writer.string("success")
        writer.name("message")
        writer.string(message)
        writer.name("data")
        writer.beginObject()
        data(&writer)
        writer.endObject()
        writer.endObject()
        return .json(writer.bytes)
    }

    /// `{"status":"error","error":{"code":…,"message":…,"details":[…],"request_id":…}}`.
    /// - Parameter data: writes a `data` object beside `error`, where there is one.
    static func failure(
        _ error: HelperError, requestID: RequestID, data: ((inout JSONWriter) -> Void)? = nil
    ) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("status")
        writer.string("error")
        writer.name("error")
        writer.beginObject()
        writer.name("code")
        writer.string(error.code.rawValue)
        writer.name("message")
        writer.string(error.publicMessage)
        if !error.details.isEmpty {
            writer.name("details")
            writer.beginArray()
            for detail in error.details {
                writer.beginObject()
                writer.name("field")
                writer.string(detail.field)
                writer.name("issue")
                writer.string(detail.issue)
                writer.endObject()
            }
            writer.endArray()
        }
        writer.name("request_id")
        writer.string(requestID.description)
        writer.endObject()
        if let data {
            writer.name("data")
            writer.beginObject()
            data(&writer)
            writer.endObject()
        }
        writer.endObject()
        return writer.bytes
    }
}
