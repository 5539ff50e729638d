import HTTP
import HTTPServer
import JSON

extension Call {
    // MARK: Access tokens

    /// `GET personal/access_tokens`: those of the calling token's owner, who has no other here. Values are never shown.
    func accessTokens() throws(Refusal) -> Response {
        guard let token else { throw .denied("Access denied") }
        var object = JSONObject([
            ("id", 1), ("name", "sandbox"), ("scopes", .array(token.scopes.sorted().map(JSONValue.string))),
            ("permission", .string(token.isReadOnly ? "ro" : "rw")),
        ])
        if let expiry = token.expiresAt { object["expires_at"] = json.stamp(expiry) }
        return reply.entity(list([.object(object)], "access_tokens", "access_token"))
    }

    // MARK: Webhooks

    private static let webhookSwitches = [
        "active", "provider_actions", "account_created_on", "account_updated_on", "account_deleted_on",
        "user_created_on", "user_updated_on", "user_deleted_on", "application_created_on", "application_updated_on",
        "application_deleted_on", "account_plan_changed_on", "application_plan_changed_on",
        "application_user_key_updated_on", "application_key_created_on", "application_key_deleted_on",
        "application_suspended_on", "application_key_updated_on",
    ]

    /// `PUT webhooks`, `GET`/`DELETE webhooks/failures`. Nothing is ever delivered.
    mutating func webhooks(_ path: [String]) throws(Refusal) -> Response {
        if path == ["failures"] {
            guard tenant.knobs.hasWebhooks else { throw .notPermitted }
            if method == .get { return reply.entity(list([], "webhooks-failures", "webhooks-failure")) }
            return method == .delete ? deleted : unknownRoute
        }
        guard path.isEmpty, method == .put else { return unknownRoute }
        unwrap("web_hook")
        if let url = text("url"), !url.hasPrefix("http://"), !url.hasPrefix("https://") {
            throw .invalid([("url", ["Must be a valid URL such as http://example.com"])])
        }
        try write()
        for name in ["url"] + Self.webhookSwitches {
            if let value = text(name) { tenant.webhook[name] = value }
        }
        var object = JSONObject()
        object["url"] = tenant.webhook["url"].map(JSONValue.string)
        for name in Self.webhookSwitches { object[name] = .bool(["true", "1"].contains(tenant.webhook[name])) }
        return reply.entity(one("webhook", .object(object)))
    }
}
