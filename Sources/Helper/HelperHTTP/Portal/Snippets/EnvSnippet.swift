import Bytes
import OpenAI

/// Variables for programs that read OpenAI's, under the names that `mlaas env` gives them, with a comment where the gateway does not
/// read a bearer token.
enum EnvSnippet {
    static func code(_ call: SnippetCall) -> String {
        var lines = [line("OPENAI_BASE_URL", call.baseURL)]
        switch call.credentials {
        case .headers(let pairs):
            lines.append(comment("headers", pairs.map(\.name)))
            if pairs.count > 1 { lines.append(line("MLAAS_APP_ID", pairs[0].value)) }
            // Not every reader of such a file takes a value of several lines.
            if let headers = OpenAIHeaders.text(pairs.map { ($0.name, $0.value) }),
                !headers.utf8.contains(UInt8(ascii: "\n"))
            {
                lines.append(line("OPENAI_CUSTOM_HEADERS", headers))
            }
        case .query(let pairs):
            lines.append(comment("query parameters", pairs.map(\.name)))
            if pairs.count > 1 { lines.append(line("MLAAS_APP_ID", pairs[0].value)) }
        case .basic(let user, let password):
            lines.append("# The gateway reads HTTP Basic.")
            if !password.isEmpty { lines.append(line("MLAAS_APP_ID", user)) }
        case .token(let endpoint, let id, _):
            lines.append("# The secret of a client, which gets access tokens from OPENAI_TOKEN_URL.")
            lines.append(line("OPENAI_TOKEN_URL", endpoint))
            lines.append(line("MLAAS_CLIENT_ID", id))
        }
        lines.append(line("OPENAI_API_KEY", call.secret))
        if let model = call.model { lines.append(line("OPENAI_MODEL", model)) }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func line(_ name: String, _ value: String) -> String { "\(name)=\(ShellText.word(value))" }

    private static func comment(_ place: String, _ names: [String]) -> String {
        "# The gateway reads the \(place) \(names.map(Quoted.comment).joined(separator: " and "))."
    }
}
