/// A call with `fetch`, for a module of Node or of a browser.
enum JavaScriptSnippet {
    static func code(_ call: SnippetCall) -> String {
        var lines: [String] = []
        var headers: [String] = []
        switch call.credentials {
        case .headers(let pairs): headers = pairs.map { "\(Quoted.string($0.name)): \(Quoted.string($0.value))" }
        case .query: break
        case .basic(let user, let password):
            headers = ["\"Authorization\": \"Basic \" + btoa(\(Quoted.string("\(user):\(password)")))"]
        case .token(let endpoint, let id, let secret):
            lines = [
                "const signIn = await fetch(\(Quoted.string(endpoint)), {", "  method: \"POST\",",
                "  headers: { \"Authorization\": \"Basic \" + btoa(\(Quoted.string("\(id):\(secret)"))) },",
                "  body: new URLSearchParams({ grant_type: \"client_credentials\" }),", "});",
                "const token = (await signIn.json()).access_token;", "",
            ]
            headers = ["\"Authorization\": \"Bearer \" + token"]
        }
        if call.body != nil { headers.append("\"Content-Type\": \"application/json\"") }
        lines.append("const answer = await fetch(\(Quoted.string(call.url)), {")
        if call.body != nil { lines.append("  method: \"POST\",") }
        if !headers.isEmpty { lines += ["  headers: {"] + headers.map { "    \($0)," } + ["  },"] }
        if let body = call.body { lines.append("  body: JSON.stringify(\(body)),") }
        lines += ["});", "if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`);"]
        switch call.task {
        case .chat: lines.append("console.log((await answer.json()).choices[0].message.content);")
        case .embeddings: lines.append("console.log((await answer.json()).data[0].embedding.slice(0, 3));")
        case .listModels: lines.append("for (const model of (await answer.json()).data) console.log(model.id);")
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
