import Bytes
import HTTP
import JSON
import OpenAI
import WireContract

/// A key with its secret, in each form that a person may want.
struct KeyOutput: Sendable {
    let service: WireService
    let secret: String
    let publicID: String?
    /// The other members of `json`: the key's id, name, plan and state.
    var members: [(name: String, value: JSONValue)] = []

    /// Every variable that may be set, whatever the service.
    private static let variableNames = [
        "OPENAI_BASE_URL", "OPENAI_API_KEY", "MLAAS_CLIENT_ID", "MLAAS_APP_ID", "OPENAI_CUSTOM_HEADERS",
    ]

    /// The variables that a service does not use: what they hold may be the key of another one.
    static func unused(by variables: [(name: String, value: String)]) -> [String] {
        variableNames.filter { name in !variables.contains { $0.name == name } }
    }

    /// Returns those members of a key, as the API answers it, that `json` shows.
    static func members(of key: JSONValue?) -> [(name: String, value: JSONValue)] {
        ["id", "name", "state", "plan", "expires_at", "retires_at"].compactMap { name in
            key?[name].map { (name: name, value: $0) }
        }
    }

    /// The endpoint with the path below which OpenAI's API is served.
    var baseURL: String? {
        service.endpoint.map(OpenAIURL.base)
    }

    /// The variables that OpenAI's clients read, and the first half of a key of two.
    func variables() throws(CommandFailure) -> [(name: String, value: String)] {
        guard let baseURL else {
            throw CommandFailure(
                .failed, "\(service.systemName) has no endpoint yet.", hints: ["Tell the operator."])
        }
        var variables = [(name: "OPENAI_BASE_URL", value: baseURL), (name: "OPENAI_API_KEY", value: secret)]
        if let publicID {
            variables.append(
                (name: service.authentication == "oidc" ? "MLAAS_CLIENT_ID" : "MLAAS_APP_ID", value: publicID))
        }
        if let headers = customHeaders { variables.append((name: "OPENAI_CUSTOM_HEADERS", value: headers)) }
        return variables
    }

    /// The headers that the service wants besides `Authorization`.
    private var customHeaders: String? {
        guard service.authentication != "oidc", service.placement.location == "headers" else { return nil }
        var headers = [(name: service.placement.parameter, value: secret)]
        if let publicID, let id = service.placement.idParameter { headers.insert((id, publicID), at: 0) }
        return OpenAIHeaders.text(headers)
    }

    /// What OpenAI's clients cannot do by these variables alone.
    var caution: String? {
        if service.authentication == "oidc" {
            return
                "\(service.systemName) wants an access token: get one with MLAAS_CLIENT_ID and OPENAI_API_KEY as its secret."
        }
        guard publicID == nil, service.placement.location == "headers",
            service.placement.parameter.lowercased() == "authorization"
        else {
            let words = "\(service.systemName) wants \(wanted)."
            if customHeaders != nil {
                return words
                    + " OPENAI_CUSTOM_HEADERS holds that for OpenAI's clients that read it; set it yourself for others."
            }
            return words + " Clients of OpenAI send 'Authorization: Bearer' alone: "
                + "set what is wanted as well, such as by default_headers or default_query."
        }
        return nil
    }

    private var wanted: String {
        let name = service.placement.parameter
        switch service.placement.location {
        case "query": return "the key as the query parameter '\(name)'"
        case "authorization": return "the key as the user of HTTP Basic"
        default:
            let id = service.placement.idParameter.map { "'\($0)' and " } ?? ""
            return "the key in the header \(id)'\(name)'"
        }
    }

    var json: JSONValue {
        var credentials: JSONObject = [
            "location": .string(service.placement.location), "parameter": .string(service.placement.parameter),
        ]
        if let name = service.placement.idParameter { credentials["id_parameter"] = .string(name) }
        var object = JSONObject([
            ("service", .string(service.systemName)), ("api_key", .string(secret)),
            ("credentials", .object(credentials)),
        ])
        for member in members { object[member.name] = member.value }
        if let publicID { object[service.authentication == "oidc" ? "client_id" : "app_id"] = .string(publicID) }
        if let baseURL { object["base_url"] = .string(baseURL) }
        return .object(object)
    }

    /// A call that lists the service's models. The key travels by curl's standard input: other users see the arguments of a
    /// process.
    func curl() throws(CommandFailure) -> String {
        guard let baseURL else {
            throw CommandFailure(.failed, "\(service.systemName) has no endpoint yet.", hints: ["Tell the operator."])
        }
        guard service.authentication != "oidc" else {
            throw CommandFailure(
                .failed, "\(service.systemName) wants an access token, not a key.",
                hints: ["Print its client id and secret: --format json"])
        }
        let url = ShellText.escapedForCurl("\(baseURL)/models")
        let name = service.placement.parameter
        var lines: [String] = []
        switch service.placement.location {
        case "query":
            let id = publicID.flatMap { id in
                service.placement.idParameter.map { "\(PercentEncoding.encode($0))=\(PercentEncoding.encode(id))&" }
            }
            let pair = "\(PercentEncoding.encode(name))=\(PercentEncoding.encode(secret))"
            lines.append("url = \"\(url)?\(id ?? "")\(pair)\"")
        case "authorization":
            lines.append("url = \"\(url)\"")
            lines.append("user = \"\(ShellText.escapedForCurl((publicID.map { "\($0):\(secret)" }) ?? "\(secret):"))\"")
        default:
            lines.append("url = \"\(url)\"")
            if let publicID, let id = service.placement.idParameter {
                lines.append("header = \"\(try headerName(id)): \(ShellText.escapedForCurl(publicID))\"")
            }
            let isStandard = name.lowercased() == "authorization"
            lines.append(
                "header = \"\(try headerName(name)): \(isStandard ? "Bearer " : "")\(ShellText.escapedForCurl(secret))\""
            )
        }
        // A line break would end the shell's here-document, and what follows would be a command.
        guard lines.allSatisfy({ $0.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F } }) else {
            throw unusable("a control character in its endpoint, its key or the names of its credentials")
        }
        return "curl --config - <<'MLAAS_END'\n" + lines.joined(separator: "\n") + "\nMLAAS_END"
    }

    /// Returns the name of a header for a quoted value of curl's configuration.
    private func headerName(_ name: String) throws(CommandFailure) -> String {
        guard name.utf8.first != UInt8(ascii: "@") else {
            throw unusable("a header name that begins with '@', which curl takes for the name of a file")
        }
        return ShellText.escapedForCurl(name)
    }

    private func unusable(_ reason: String) -> CommandFailure {
        CommandFailure(
            .failed, "\(service.systemName) has \(reason).",
            hints: ["Tell the operator. The key itself: --format json"])
    }

    /// - Parameter exports: for `eval`, so that programs which a shell starts see them, and see nothing of another service; else
    ///   for a .env file, whose readers do not all take a value of several lines.
    func lines(exports: Bool) throws(CommandFailure) -> String {
        let variables = try variables()
        guard exports else {
            return variables.filter { !Self.hasLines($0.value) }
                .map { "\($0.name)=\(ShellText.word($0.value))" }.joined(separator: "\n")
        }
        let removals = Self.unused(by: variables).map { "unset \($0);" }
        let settings = variables.map { "export \($0.name)=\(ShellText.word($0.value));" }
        return (removals + settings).joined(separator: "\n")
    }

    /// The variables that a .env file of `lines(exports:)` does not hold.
    func linesLeftOut() throws(CommandFailure) -> [String] {
        try variables().filter { Self.hasLines($0.value) }.map(\.name)
    }

    private static func hasLines(_ text: String) -> Bool { text.utf8.contains(UInt8(ascii: "\n")) }
}
