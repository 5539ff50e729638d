import HTTP
import HTTPServer
import JSON

/// The model behind the gateway, as far as OpenAI's list of models goes: one model, named by the service's system name.
struct ModelServer {
    let service: ServiceRecord

    func answer(_ method: HTTPMethod, _ path: String) -> Response {
        guard path == "/v1/models" else {
            return .json(JSONValue.object(["detail": "Not Found"]).encoded(), status: .notFound)
        }
        guard method == .get || method == .head else {
            return .json(JSONValue.object(["detail": "Method Not Allowed"]).encoded(), status: .methodNotAllowed)
        }
        let model: JSONValue = [
            "id": .string(service.systemName), "object": "model", "created": .int(service.createdAt),
            "owned_by": "sandbox",
        ]
        return .json(JSONValue.object(["object": "list", "data": [model]]).encoded())
    }
}
