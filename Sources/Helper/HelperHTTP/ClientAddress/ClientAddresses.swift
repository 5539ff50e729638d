package import Bytes
import HTTP
package import HTTPServer

/// Says which address a request comes from: the one place for logs, limits and audit.
///
/// Only what a trusted proxy has written is believed. Proxies append, so the chain is read from its end: each trusted hop
/// vouches for the one before it, and the first that is not trusted is the client. What stands before it may be made up.
package struct ClientAddresses: Middleware {
    private let trusted: [AddressRange]

    /// - Parameter trusted: proxies whose `X-Forwarded-For` and `Forwarded` are believed.
    package init(trusted: [AddressRange]) { self.trusted = trusted }

    func prepare(_ exchange: inout Exchange) -> Wait? {
        if let client = client(of: exchange.request) { exchange.request.remoteAddress = client }
        return nil
    }

    /// The client's address, where it differs from the peer's.
    package func client(of request: Request) -> String? {
        guard !trusted.isEmpty, let peer = IPAddress(request.remoteAddress), trusts(peer) else { return nil }
        let client = client(of: request.head, behind: peer)
        return client == peer ? nil : client.description
    }

    /// Walks both chains from the peer towards the client, hop by hop. Where one ends, it only lacks what the other says
    /// further on: a proxy that writes both fields adds its hop to each, and one before it may have written the one alone.
    /// Where they contradict each other, one of them came from the client, since a proxy that writes the one lets the other
    /// pass: then neither is believed.
    private func client(of head: RequestHead, behind peer: IPAddress) -> IPAddress {
        var plain = XForwardedForChain(head.bytes, head.ranges(of: Self.xForwardedFor))
        var standard = ForwardedFieldChain(head.bytes, head.ranges(of: Self.forwarded))
        var client = peer
        repeat {
            let hops = (plain.next(), standard.next())
            if let first = hops.0, let second = hops.1, first != second { return peer }
            // Behind the last hop, or one that is unknown: the one before it is as far as can be told.
            guard let hop = hops.0 ?? hops.1, let hop else { return client }
            client = hop
        } while trusts(client)
        return client
    }

    private func trusts(_ address: IPAddress) -> Bool { trusted.contains { $0.contains(address) } }

    private static let xForwardedFor: FieldName = "x-forwarded-for"
    private static let forwarded: FieldName = "forwarded"
}
