package import HTTPServer
package import WireContract

/// What a command line or front end needs to sign people in.
package struct ClientRoutes: Sendable {
    private let answer: Response

    package init(document: ClientDocument) {
        answer = Envelope.success("Client settings retrieved") { document.write(to: &$0) }
    }

    /// `GET /api/client`.
    package func document(_ context: EdgeContext) -> Response { answer }
}
