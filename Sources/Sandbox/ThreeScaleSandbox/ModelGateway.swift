import EventLoop
import HTTP
package import HTTPServer

/// The small gateway in front of the imitated models.
package final class ModelGateway: Responder {
    private let threeScale: ThreeScaleSandbox
    private let clientOfToken: @Sendable (String) -> String?

    /// - Parameter clientOfToken: the client that a bearer token was issued to, nil where it is not accepted.
    package init(_ threeScale: ThreeScaleSandbox, clientOfToken: @escaping @Sendable (String) -> String?) {
        self.threeScale = threeScale
        self.clientOfToken = clientOfToken
    }

    package func respond(to request: Request) -> Answer {
        .now(threeScale.respond(toClient: request, clientOfToken: clientOfToken))
    }
}
