import HTTP
import HTTPServer
import JSON

/// Answers in the format that the path's extension asked for.
struct Reply {
    /// CSV is for usage alone.
    enum Format: Sendable { case json, xml, csv }

    let format: Format

    /// An entity or list that has both forms; JSON alone answers 406 to XML, loudly, where 3scale has XML we do not.
    func entity(_ json: @autoclosure () -> JSONValue, xml: @autoclosure () -> String? = nil, status: HTTPStatus = .ok)
        -> Response
    {
        switch format {
        case .json: return Self.json(json(), status: status)
        case .xml, .csv:
            guard let body = xml() else {
                return .text("The sandbox has no XML form of this; ask for .json\n", status: .notAcceptable)
            }
            return Self.xml(XMLForms.document(body), status: status)
        }
    }

    /// The same where 3scale's XML has no declaration.
    func entity(_ json: @autoclosure () -> JSONValue, rawXML: @autoclosure () -> String, status: HTTPStatus = .ok)
        -> Response
    {
        format == .json ? Self.json(json(), status: status) : Self.xml(rawXML(), status: status)
    }

    /// `{"status":"Not found"}`, or nothing in XML.
    var notFound: Response {
        format == .json ? Self.json(["status": "Not found"], status: .notFound) : Self.headOnly("xml", .notFound)
    }

    /// A DELETE's answer: a type, and nothing of it.
    var deleted: Response { Self.headOnly(format == .json ? "json" : "xml", .ok) }

    private static func headOnly(_ type: String, _ status: HTTPStatus) -> Response {
        Response(status: status, fields: HTTPFields([("content-type", "application/\(type)")]))
    }

    /// The framework's own page for a status.
    /// - Parameter path: its extension decides the form.
    static func page(_ status: HTTPStatus, _ text: String, of path: String) -> Response {
        if path.hasSuffix(".json") {
            return json(["status": .int(status.code), "error": .string(text)], status: status)
        }
        if path.hasSuffix(".xml") {
            return xml(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<hash>\n  <status>\(status.code)</status>\n  <to_xml/>\n"
                    + "  <error>\(text)</error>\n</hash>\n", status: status)
        }
        return .text(
            "<!DOCTYPE html><html><body><h1>\(text)</h1></body></html>\n", status: status,
            contentType: "text/html; charset=utf-8")
    }

    func refusal(_ refusal: Refusal) -> Response {
        switch refusal {
        case .notFound: notFound
        case .notPermitted:
            format == .json
                ? Self.json(["status": "Forbidden"], status: .forbidden) : Self.headOnly("xml", .forbidden)
        case .invalid(let errors): self.errors(errors, .unprocessableContent)
        case .forbidden(let errors): self.errors(errors, .forbidden)
        case .text(let text): error(text, .unprocessableContent)
        case .missing(let name): .text("Required parameter missing: \(name)", status: .badRequest)
        case .badValue(let text): error(text, .badRequest)
        case .denied(let text): error(text, .forbidden)
        case .conflict: Response(status: .conflict)
        case .failed: Self.json(["status": 500, "error": "Internal Server Error"], status: .internalServerError)
        }
    }

    private func errors(_ errors: [(attribute: String, messages: [String?])], _ status: HTTPStatus) -> Response {
        guard format == .json else { return Self.xml(XMLForms.errors(errors), status: status) }
        let object = JSONObject(
            errors.map { ($0.attribute, .array($0.messages.map { $0.map(JSONValue.string) ?? .null })) })
        return Self.json(["errors": .object(object)], status: status)
    }

    func error(_ text: String, _ status: HTTPStatus) -> Response {
        format == .json
            ? Self.json(["error": .string(text)], status: status)
            : Self.xml(XMLForms.document("<error>\(XMLForms.escape(text))</error>"), status: status)
    }

    static func json(_ value: JSONValue, status: HTTPStatus = .ok) -> Response {
        Response(
            status: status, fields: HTTPFields([("content-type", "application/json; charset=utf-8")]),
            body: escapeForHTML(value.encoded()))
    }

    static func xml(_ text: String, status: HTTPStatus = .ok) -> Response {
        Response(
            status: status, fields: HTTPFields([("content-type", "application/xml; charset=utf-8")]),
            body: Array(text.utf8))
    }

    /// Rails writes these as escapes, so that JSON may stand in a page.
    private static func escapeForHTML(_ bytes: [UInt8]) -> [UInt8] {
        guard bytes.contains(where: { $0 == 0x3C || $0 == 0x3E || $0 == 0x26 }) else { return bytes }
        var escaped: [UInt8] = []
        for byte in bytes {
            switch byte {
            case 0x3C: escaped += Array(#"\u003c"#.utf8)
            case 0x3E: escaped += Array(#"\u003e"#.utf8)
            case 0x26: escaped += Array(#"\u0026"#.utf8)
            default: escaped.append(byte)
            }
        }
        return escaped
    }
}
