import COpenSSL

/// The system's secure random source, by OpenSSL's generator, which reseeds itself and survives forks.
package enum SecureRandom {
    /// Traps when the source fails: nothing that needs a secret may go on without it.
    package static func bytes(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let status = unsafe RAND_bytes(&bytes, Int32(count))
        precondition(status == 1, "RAND_bytes failed")
        return bytes
    }

    /// A number in 0..<bound, each equally likely.
    /// - Parameter bound: 1...2^32.
    package static func uniform(below bound: Int) -> Int {
        precondition(bound > 0 && bound <= 1 << 32, "Invalid state: bound out of range")
        // A value above the largest multiple of the bound would favour small numbers: drawn again.
        let limit = UInt64(1 << 32) / UInt64(bound) * UInt64(bound)
        while true {
            let value = bytes(4).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            if value < limit { return Int(value % UInt64(bound)) }
        }
    }
}
