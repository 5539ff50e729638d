/// The gateways in front of the models, as a client of a model sees them. Sends nothing but what the request holds, follows no
/// redirect, and reads a bounded part of the answer.
package protocol ModelGateway: Sendable {
    /// - Parameter limit: from the look-up of the name to the last byte of the answer.
    func ask(_ request: GatewayRequest, within limit: Duration) async throws(GatewayFailure) -> GatewayAnswer
}

/// What a gateway answered.
package struct GatewayAnswer: Sendable, Equatable {
    package let status: Int
    /// The answer is plain text, as a gateway's own words are.
    package let isPlainText: Bool
    /// The body, as far as a refusal may be long; without blanks at its ends.
    package let text: String
    /// The ids of a list of models; nil where the answer is no such list.
    package let models: [String]?

    package init(status: Int, isPlainText: Bool, text: String, models: [String]?) {
        self.status = status
        self.isPlainText = isPlainText
        self.text = text
        self.models = models
    }
}

/// Why a gateway gave no answer.
package enum GatewayFailure: Error, Sendable, Equatable {
    /// No name, no route, refused, or the connection ended.
    case unreachable(String)
    case timeout
    /// Its certificate is not trusted, has expired or is for another name.
    case untrusted(String)
    /// It answered more than is read.
    case tooLong
    /// What the catalogue says of the service makes no request.
    case impossible(String)
    /// Too many tests are under way here.
    case busy
}
