import Bytes

/// A call with curl, for any POSIX shell.
enum CurlSnippet {
    static func code(_ call: SnippetCall) -> String {
        var lines: [String] = []
        var options: [String] = []
        switch call.credentials {
        case .headers(let pairs): options = pairs.map { "-H " + ShellText.quoted("\($0.name): \($0.value)") }
        case .query: break
        case .basic(let user, let password): options = ["-u " + ShellText.quoted("\(user):\(password)")]
        case .token(let endpoint, let id, let secret):
            lines = [
                "token=$(curl -sS --fail-with-body \(ShellText.quoted(endpoint)) -u \(ShellText.quoted("\(id):\(secret)")) \\",
                "  -d grant_type=client_credentials | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')",
            ]
            options = ["-H \"Authorization: Bearer $token\""]
        }
        if let body = call.body {
            options += ["-H 'Content-Type: application/json'", "-d " + ShellText.quoted(body)]
        }
        lines.append(
            (["curl -sS --fail-with-body " + ShellText.quoted(call.url)] + options).joined(separator: " \\\n  "))
        return lines.joined(separator: "\n") + "\n"
    }
}

extension SnippetCall {
    /// The JSON that the task posts; nil for a list of the models.
    var body: String? {
        let model = Quoted.string(self.model ?? Snippet.Placeholder.model)
        return switch task {
        case .chat: "{\"model\": \(model), \"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}]}"
        case .embeddings: "{\"model\": \(model), \"input\": \"Hello\"}"
        case .listModels: nil
        }
    }
}
