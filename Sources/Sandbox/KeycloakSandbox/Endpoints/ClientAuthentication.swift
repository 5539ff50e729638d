import Crypto
import HTTP
import HTTPServer
import SandboxSupport

extension Exchange {
    /// A refusal with the words of the endpoint that refuses.
    struct ClientRefusal: Error {
        let response: Response
    }

    /// The client by HTTP Basic (form-decoded halves, RFC 6749 §2.3.1) or by form fields; public ones send their id.
    func authenticateClient() throws(ClientRefusal) -> RealmClient {
        let (id, secret) = credentials()
        let words = "Invalid client or Invalid client credentials"
        guard let id, let client = state.client(id) else {
            throw ClientRefusal(response: Self.error(.unauthorized, "invalid_client", words))
        }
        if let expected = client.secret {
            guard let secret, constantTimeEqual(Array(expected.utf8), Array(secret.utf8)) else {
                throw ClientRefusal(response: Self.error(.unauthorized, "unauthorized_client", words))
            }
        }
        return client
    }

    private func credentials() -> (id: String?, secret: String?) {
        if let header = request.head.value(of: .authorization), header.lowercased().hasPrefix("basic "),
            let decoded = Base64.decode(String(header.dropFirst(6))).map({ String(decoding: $0, as: UTF8.self) }),
            let colon = decoded.firstIndex(of: ":")
        {
            let fields = FormFields(
                decoding: "id=\(decoded[..<colon])&secret=\(decoded[decoded.index(after: colon)...])")
            return (fields["id"], fields["secret"])
        }
        return (form["client_id"], form["client_secret"])
    }
}
