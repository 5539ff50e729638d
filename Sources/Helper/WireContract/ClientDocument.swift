package import JSON

/// The data of `GET /api/client`: what a command line or front end needs to sign people in. It holds no secret.
package struct ClientDocument: Sendable, Equatable {
    /// The issuer whose discovery document names the endpoints.
    package let issuer: String
    /// The public client that people sign in with; nil where the operator has named none.
    package let clientID: String?
    package let scopes: [String]
    /// Where the web portal is; nil where there is none.
    package let portalURL: String?

    package init(issuer: String, clientID: String?, scopes: [String], portalURL: String?) {
        self.issuer = issuer
        self.clientID = clientID
        self.scopes = scopes
        self.portalURL = portalURL
    }

    package init(_ data: WireObject) throws(WireProblem) {
        issuer = try data.text("issuer")
        clientID = try data.optionalText("client_id")
        scopes = try data.texts("scopes")
        portalURL = try data.optionalText("portal_url")
    }

    /// Writes the members.
    package func write(to writer: inout JSONWriter) {
        writer.name("issuer")
        writer.string(issuer)
        if let clientID {
            writer.name("client_id")
            writer.string(clientID)
        }
        writer.name("scopes")
        writer.beginArray()
        for scope in scopes { writer.string(scope) }
        writer.endArray()
        if let portalURL {
            writer.name("portal_url")
            writer.string(portalURL)
        }
    }
}
