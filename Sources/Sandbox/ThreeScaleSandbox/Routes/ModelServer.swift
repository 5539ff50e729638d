import HTTP
import HTTPServer
import JSON

/// The model behind the gateway, as far as programs for OpenAI's API need one: one model, named by the service's system name. It
/// answers every chat with the same words, and every text with the same embedding.
struct ModelServer {
    let service: ServiceRecord

    func answer(_ method: HTTPMethod, _ path: String) -> Response {
        switch path {
        case "/v1/models": method == .get || method == .head ? models : notAllowed
        case "/v1/chat/completions": method == .post ? chat : notAllowed
        case "/v1/embeddings": method == .post ? embeddings : notAllowed
        default: .json(JSONValue.object(["detail": "Not Found"]).encoded(), status: .notFound)
        }
    }

    private var notAllowed: Response {
        .json(JSONValue.object(["detail": "Method Not Allowed"]).encoded(), status: .methodNotAllowed)
    }

    private var models: Response {
        let model: JSONValue = [
            "id": .string(service.systemName), "object": "model", "created": .int(service.createdAt),
            "owned_by": "sandbox",
        ]
        return .json(JSONValue.object(["object": "list", "data": [model]]).encoded())
    }

    private var chat: Response {
        let choice: JSONValue = [
            "index": .int(0), "finish_reason": "stop",
            "message": ["role": "assistant", "content": "Hello from the sandbox."],
        ]
        return .json(
            JSONValue.object([
                "id": "chatcmpl-sandbox", "object": "chat.completion", "created": .int(service.createdAt),
                "model": .string(service.systemName), "choices": [choice],
                "usage": ["prompt_tokens": .int(1), "completion_tokens": .int(5), "total_tokens": .int(6)],
            ]).encoded())
    }

    private var embeddings: Response {
        let embedding: JSONValue = [
            "object": "embedding", "index": .int(0), "embedding": [.int(1), .int(0), .int(0)],
        ]
        return .json(
            JSONValue.object([
                "object": "list", "data": [embedding], "model": .string(service.systemName),
                "usage": ["prompt_tokens": .int(1), "total_tokens": .int(1)],
            ]).encoded())
    }
}
