/// A call with the PyPI package `openai`.
enum PythonSnippet {
    static func code(_ call: SnippetCall) -> String {
        let client = OpenAIClient(call)
        var lines = client.imports + ["from openai import OpenAI", ""] + client.preparation
        lines += ["client = OpenAI("] + (["base_url=\(Quoted.string(call.baseURL))"] + client.arguments).map(indented)
        lines += [")"]
        let model = Quoted.string(call.model ?? Snippet.Placeholder.model)
        switch call.task {
        case .chat:
            lines += [
                "answer = client.chat.completions.create(", "    model=\(model),",
                "    messages=[{\"role\": \"user\", \"content\": \"Hello\"}],", ")",
                "print(answer.choices[0].message.content)",
            ]
        case .embeddings:
            lines += [
                "answer = client.embeddings.create(model=\(model), input=\"Hello\", encoding_format=\"float\")",
                "print(answer.data[0].embedding[:3])",
            ]
        case .listModels:
            lines += ["for model in client.models.list():", "    print(model.id)"]
        }
        return lines.joined(separator: "\n") + "\n"
    }

    static func indented(_ argument: String) -> String { "    \(argument)," }
}

/// A call with the PyPI package `langchain-openai`.
enum LangChainSnippet {
    static func code(_ call: SnippetCall) -> String {
        let client = OpenAIClient(call)
        let embeds = call.task == .embeddings
        let type = embeds ? "OpenAIEmbeddings" : "ChatOpenAI"
        var arguments = [
            "model=\(Quoted.string(call.model ?? Snippet.Placeholder.model))",
            "base_url=\(Quoted.string(call.baseURL))",
        ]
        arguments += client.arguments
        // Without it LangChain sends numbers of OpenAI's own tokens in place of text.
        if embeds { arguments.append("check_embedding_ctx_length=False") }
        var lines = client.imports + ["from langchain_openai import \(type)", ""] + client.preparation
        lines += ["model = \(type)("] + arguments.map(PythonSnippet.indented) + [")"]
        lines.append(embeds ? "print(model.embed_query(\"Hello\")[:3])" : "print(model.invoke(\"Hello\").content)")
        return lines.joined(separator: "\n") + "\n"
    }
}

/// The arguments by which the client of OpenAI for Python sends credentials.
private struct OpenAIClient {
    var imports: [String] = []
    /// Lines before the client is made.
    var preparation: [String] = []
    var arguments: [String]

    init(_ call: SnippetCall) {
        // The client wants an API key and sends it as a bearer token, which such a gateway does not read.
        let unused = "api_key=\"unused\""
        switch call.credentials {
        case .headers(let pairs): arguments = [unused, "default_headers={\(Self.members(pairs))}"]
        case .query(let pairs): arguments = [unused, "default_query={\(Self.members(pairs))}"]
        case .basic(let user, let password):
            imports = ["import base64", ""]
            preparation = ["basic = base64.b64encode(\(Quoted.string("\(user):\(password)")).encode()).decode()"]
            arguments = [unused, "default_headers={\"Authorization\": \"Basic \" + basic}"]
        case .token(let endpoint, let id, let secret):
            imports = ["import httpx"]
            preparation = [
                "token = httpx.post(", "    \(Quoted.string(endpoint)),",
                "    auth=(\(Quoted.string(id)), \(Quoted.string(secret))),",
                "    data={\"grant_type\": \"client_credentials\"},", ").raise_for_status().json()[\"access_token\"]",
            ]
            arguments = ["api_key=token"]
        }
    }

    private static func members(_ pairs: [SnippetCall.Pair]) -> String {
        pairs.map { "\(Quoted.string($0.name)): \(Quoted.string($0.value))" }.joined(separator: ", ")
    }
}
