/// Variables for programs that read OpenAI's, with a comment where the gateway does not read a bearer token.
enum EnvSnippet {
    static func code(_ call: SnippetCall) -> String {
        var lines = ["OPENAI_BASE_URL=\(Quoted.env(call.baseURL))"]
        switch call.credentials {
        case .headers(let pairs):
            lines.append(comment("headers", pairs.map(\.name)))
            if pairs.count > 1 { lines.append("OPENAI_APP_ID=\(Quoted.env(pairs[0].value))") }
        case .query(let pairs):
            lines.append(comment("query parameters", pairs.map(\.name)))
            if pairs.count > 1 { lines.append("OPENAI_APP_ID=\(Quoted.env(pairs[0].value))") }
        case .basic(let user, let password):
            lines.append("# The gateway reads HTTP Basic.")
            if !password.isEmpty { lines.append("OPENAI_APP_ID=\(Quoted.env(user))") }
        case .token(let endpoint, let id, _):
            lines.append("# The secret of a client, which gets access tokens from OPENAI_TOKEN_URL.")
            lines.append("OPENAI_TOKEN_URL=\(Quoted.env(endpoint))")
            lines.append("OPENAI_CLIENT_ID=\(Quoted.env(id))")
        }
        lines.append("OPENAI_API_KEY=\(Quoted.env(call.secret))")
        if let model = call.model { lines.append("OPENAI_MODEL=\(Quoted.env(model))") }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func comment(_ place: String, _ names: [String]) -> String {
        "# The gateway reads the \(place) \(names.map(Quoted.comment).joined(separator: " and "))."
    }
}
