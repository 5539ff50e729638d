package import JSON

/// A key of `/api/keys`, without its secret.
package struct WireKey: Sendable, Equatable {
    package let id: String
    package let name: String
    package let note: String?
    package let serviceID: String
    package let serviceName: String
    package let serviceSystemName: String
    package let endpoint: String?
    package let authentication: String
    package let state: String
    package let planName: String
    package let createdAt: String?
    package let expiresAt: String?
    package let generation: Int
    package let retiresAt: String?
    package let lastUsedOn: String?
    package let fingerprint: String?
    package let hint: String?

    package init(_ value: JSONValue?) throws(WireProblem) {
        let key = try WireObject(value, "key")
        id = try key.text("id")
        name = try key.text("name")
        note = try key.optionalText("note")
        let service = try key.child("service")
        serviceID = try service.text("id")
        serviceName = try service.text("name")
        serviceSystemName = try service.text("system_name")
        endpoint = try service.optionalText("proxy_endpoint")
        authentication = try service.text("authentication_method")
        state = try key.text("state")
        planName = try key.child("plan").text("name")
        createdAt = try key.optionalText("created_at")
        expiresAt = try key.optionalText("expires_at")
        generation = try key.number("generation")
        retiresAt = try key.optionalText("retires_at")
        lastUsedOn = try key.optionalText("last_used_on")
        fingerprint = try key.optionalText("fingerprint")
        hint = try key.optionalText("hint")
    }
}

/// A page of `GET /api/keys`.
package struct WireKeyPage: Sendable, Equatable {
    package let keys: [WireKey]
    package let values: [JSONValue]
    package let nextCursor: String?

    /// Several pages put together.
    package init(keys: [WireKey], values: [JSONValue], nextCursor: String?) {
        self.keys = keys
        self.values = values
        self.nextCursor = nextCursor
    }

    package init(_ data: WireObject) throws(WireProblem) {
        values = try data.list("keys")
        var keys: [WireKey] = []
        for value in values { keys.append(try WireKey(value)) }
        self.keys = keys
        nextCursor = try data.optionalText("next_cursor")
    }
}

/// What calls that answer a secret have in common: `init`, `POST /api/keys`, `reveal` and `rotate`.
package struct WireCredentials: Sendable, Equatable {
    /// Nil where the deployment shows a secret only once, or there is none yet.
    package let secret: String?
    /// The first half of a key of two.
    package let publicID: String?

    package init(_ data: WireObject) throws(WireProblem) {
        secret = try Self.oneLine(data, "api_key")
        let credentials = try data.optionalChild("credentials")
        let applicationID = try Self.oneLine(credentials, "app_id")
        let clientID = try Self.oneLine(credentials, "client_id")
        publicID = applicationID ?? clientID
    }

    /// Credentials are printed on terminals and become variables of programs, which take no control character as it is.
    private static func oneLine(_ data: WireObject?, _ name: String) throws(WireProblem) -> String? {
        guard let text = try data?.optionalText(name) else { return nil }
        guard text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) }) else {
            throw WireProblem("'\(name)' holds a control character")
        }
        return text
    }
}
