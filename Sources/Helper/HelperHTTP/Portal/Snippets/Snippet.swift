import Bytes
import HelperCore
import OpenAI

/// Code that calls a service, as the portal shows it: one template per language, filled with the service's endpoint, the place of its
/// credentials, a model and the caller's own credentials.
struct Snippet: Sendable {
    enum Language: String, Sendable, CaseIterable {
        case curl, python, langchain, javascript, env

        /// A name that is the same in every language of the portal.
        var title: String {
            switch self {
            case .curl: "curl"
            case .python: "Python (openai)"
            case .langchain: "LangChain"
            case .javascript: "JavaScript"
            case .env: ".env"
            }
        }
    }

    /// Stand in a snippet for a value that is hidden or not known.
    enum Placeholder {
        static let secret = "YOUR_API_KEY"
        static let id = "YOUR_APP_ID"
        static let model = "MODEL_ID"
        static let tokenEndpoint = "TOKEN_URL"
    }

    let language: Language
    let code: String

    /// One snippet per language.
    /// - Parameter credentials: nil to show placeholders.
    /// - Returns: none where 3scale knows no endpoint.
    static func catalogue(_ access: ServiceAccess, _ credentials: RevealedCredentials?) -> [Snippet] {
        guard let call = SnippetCall(access, credentials) else { return [] }
        return Language.allCases.map { language in
            let code =
                switch language {
                case .curl: CurlSnippet.code(call)
                case .python: PythonSnippet.code(call)
                case .langchain: LangChainSnippet.code(call)
                case .javascript: JavaScriptSnippet.code(call)
                case .env: EnvSnippet.code(call)
                }
            return Snippet(language: language, code: code)
        }
    }
}

/// The call that every snippet of a service makes.
struct SnippetCall: Sendable {
    struct Pair: Sendable, Equatable {
        let name: String
        let value: String
    }

    /// How the credentials travel.
    enum Credentials: Sendable, Equatable {
        case headers([Pair])
        case query([Pair])
        case basic(user: String, password: String)
        /// An access token, got with a client's id and secret.
        case token(endpoint: String, id: String, secret: String)
    }

    enum Task: Sendable, Equatable { case chat, embeddings, listModels }

    /// Ends in `/v1`.
    let baseURL: String
    let credentials: Credentials
    let secret: String
    /// Nil when none is known.
    let model: String?

    init?(_ access: ServiceAccess, _ revealed: RevealedCredentials?) {
        guard let endpoint = access.endpoint, !endpoint.isEmpty else { return nil }
        baseURL = OpenAIURL.base(of: endpoint)
        secret = revealed?.secret ?? Snippet.Placeholder.secret
        model = access.modelIDs.first
        credentials = Self.credentials(access, id: revealed?.id ?? Snippet.Placeholder.id, secret: secret)
    }

    private static func credentials(_ access: ServiceAccess, id: String, secret: String) -> Credentials {
        let placement = access.placement
        var pairs = [Pair(name: placement.parameter, value: secret)]
        switch access.authentication {
        case .oidc:
            return .token(
                endpoint: access.tokenEndpoint ?? Snippet.Placeholder.tokenEndpoint, id: id, secret: secret)
        case .apiKey:
            if placement.location == .authorization { return .basic(user: secret, password: "") }
        case .appIDAndKey:
            if placement.location == .authorization { return .basic(user: id, password: secret) }
            pairs.insert(Pair(name: placement.idParameter ?? "app_id", value: id), at: 0)
        }
        return placement.location == .query ? .query(pairs) : .headers(pairs)
    }

    /// The name of a model of embeddings says so; the list of models does not say what each does.
    var task: Task {
        guard let model else { return .listModels }
        return model.lowercased().contains("embed") ? .embeddings : .chat
    }

    /// The URL of the task, with credentials that travel in the query.
    var url: String {
        let path =
            switch task {
            case .chat: "/chat/completions"
            case .embeddings: "/embeddings"
            case .listModels: "/models"
            }
        guard case .query(let pairs) = credentials else { return baseURL + path }
        return baseURL + path + "?"
            + pairs.map { "\(PortalPath.encoded($0.name))=\(PortalPath.encoded($0.value))" }.joined(separator: "&")
    }
}

/// Text as a literal of a language, or in its comments: no text can end them. Shells have `ShellText`.
enum Quoted {
    /// A string in double quotes that Python, JavaScript and JSON read alike.
    static func string(_ text: String) -> String {
        let digits = Array("0123456789abcdef")
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted += "\\" + String(scalar)
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            case "\t": quoted += "\\t"
            // JavaScript once took U+2028 and U+2029 for the end of a line.
            case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{2028}", "\u{2029}":
                let value = Int(scalar.value)
                quoted += "\\u" + String([12, 8, 4, 0].map { digits[value >> $0 & 15] })
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }

    /// Text in a comment: what could end the line is left out. By scalars, since a line end may be a part of a longer character.
    static func comment(_ text: String) -> String {
        let scalars = text.unicodeScalars.filter { scalar in
            ![.control, .lineSeparator, .paragraphSeparator].contains(scalar.properties.generalCategory)
        }
        return String(String.UnicodeScalarView(scalars))
    }
}
