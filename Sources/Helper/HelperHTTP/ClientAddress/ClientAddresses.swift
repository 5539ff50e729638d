import HTTP
package import HTTPServer

/// Says which address a request comes from: the one place for logs, limits and audit.
///
/// Only what a trusted proxy has written is believed. Proxies append, so the chain is read from its end: each trusted hop
/// vouches for the one before it, and the first that is not trusted is the client. What stands before it may be made up.
package struct ClientAddresses: Sendable {
    private let trusted: [AddressRange]

    /// - Parameter trusted: proxies whose `X-Forwarded-For` and `Forwarded` are believed.
    package init(trusted: [AddressRange]) { self.trusted = trusted }

    /// The client's address, where it is another than that of whoever has connected.
    package func client(of request: Request) -> String? {
        guard !trusted.isEmpty, let peer = IPAddress(request.remoteAddress), trusts(peer) else { return nil }
        let client = client(of: request.head, behind: peer)
        return client == peer ? nil : client.description
    }

    /// Where both fields are there and disagree, one of them came from the client: a proxy that writes the one lets the
    /// other pass. Then neither is believed.
    private func client(of head: RequestHead, behind peer: IPAddress) -> IPAddress {
        let chains = [
            ForwardedChain.xForwardedFor(head.values(of: Self.xForwardedFor)),
            ForwardedChain.forwarded(head.values(of: Self.forwarded)),
        ].filter { !$0.isEmpty }
        let clients = Set(chains.map { client(in: $0, behind: peer) })
        return clients.count == 1 ? clients.first ?? peer : peer
    }

    private func client(in chain: [IPAddress?], behind peer: IPAddress) -> IPAddress {
        var client = peer
        for hop in chain.reversed() {
            guard let hop else { return client }
            client = hop
            if !trusts(hop) { break }
        }
        return client
    }

    private func trusts(_ address: IPAddress) -> Bool { trusted.contains { $0.contains(address) } }

    private static let xForwardedFor: FieldName = "x-forwarded-for"
    private static let forwarded: FieldName = "forwarded"
}
