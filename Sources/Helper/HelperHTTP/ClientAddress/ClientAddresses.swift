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

    /// Where both fields are there and one chain only extends the other, the longer counts: a proxy that writes both adds
    /// its hop to each, and one before it may have written the one alone. Where they contradict each other, one of them came
    /// from the client, since a proxy that writes the one lets the other pass. Then neither is believed.
    private func client(of head: RequestHead, behind peer: IPAddress) -> IPAddress {
        let first = ForwardedChain.xForwardedFor(head.ranges(of: Self.xForwardedFor).map { head.bytes[$0] })
        let second = ForwardedChain.forwarded(head.ranges(of: Self.forwarded).map { head.bytes[$0] })
        let (long, short) = first.count >= second.count ? (first, second) : (second, first)
        let client = client(in: long, behind: peer)
        if long.suffix(short.count).elementsEqual(short) { return client }
        return client == self.client(in: short, behind: peer) ? client : peer
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
