/// What holds memory for one client and can be made to give it up. Loop-confined.
protocol MemoryHolder: AnyObject {
    /// What it is charged for now.
    var chargedBytes: Int { get }
    /// The number of its charge: the older, the lower.
    var chargeNumber: UInt64 { get }
    /// What its client counts under; nil when the address speaks for many clients, so that each connection is one.
    var clientGroup: String? { get }
    /// Refuses or ends what it is about and frees its memory.
    func shed()
}

/// What a connection costs by itself, in bytes: measured, see docs/capacity.md.
enum MemoryCost {
    /// The connection's own objects, without buffers.
    static let connection = 2 * 1024
    /// The same with OpenSSL's session, and with a record that has arrived in part.
    static let tlsConnection = 34 * 1024
    /// The same while the handshake is under way.
    static let tlsHandshake = 48 * 1024
}
