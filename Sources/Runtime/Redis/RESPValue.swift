package import Bytes

/// A reply of Redis, in version 2 of its protocol (RESP2).
package enum RESPValue: Sendable, Equatable {
    /// A bulk string: any bytes.
    case bulk([UInt8])
    /// A simple string such as `OK`.
    case status(String)
    /// What Redis says went wrong; starts with a word in capitals.
    case error(String)
    case integer(ForeignNumber)
    case null
    case array([RESPValue])
}
