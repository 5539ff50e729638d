import COpenSSL
import Synchronization

/// Keys under which session tickets are handed out (RFC 5077 §4). A new one every hour: a thief of one can read what
/// was said under it for as long as it is kept, and forward secrecy is worth no more than that.
@safe final class TLSTicketKeys: Sendable {
    /// Seconds for which a key makes tickets.
    static let rotation = 3_600
    /// Seconds for which a ticket is good; its key is kept for that long after its last ticket.
    static let lifetime = 7_200

    struct Key: Sendable {
        let name: [UInt8]
        let cipherKey: [UInt8]
        let codeKey: [UInt8]
        /// Seconds of `now`.
        let made: Int

        init(made: Int) {
            name = SecureRandom.bytes(16)
            cipherKey = SecureRandom.bytes(32)
            codeKey = SecureRandom.bytes(32)
            self.made = made
        }
    }

    private let now: @Sendable () -> Int
    /// The newest first.
    private let keys: Mutex<[Key]>

    /// - Parameter now: seconds from any start.
    init(now: @escaping @Sendable () -> Int) {
        self.now = now
        keys = Mutex([Key(made: now())])
    }

    /// The key for new tickets.
    func current() -> Key { keys.withLock { turn(&$0)[0] } }

    /// The key of that name, and whether its ticket should be replaced; nil when it is unknown or too old.
    func find(_ name: [UInt8]) -> (key: Key, isOld: Bool)? {
        keys.withLock { keys in
            turn(&keys).firstIndex { $0.name == name }.map { (keys[$0], $0 > 0) }
        }
    }

    @discardableResult
    private func turn(_ keys: inout [Key]) -> [Key] {
        let now = now()
        if now - keys[0].made >= Self.rotation { keys.insert(Key(made: now), at: 0) }
        keys.removeAll { now - $0.made >= Self.rotation + Self.lifetime }
        return keys
    }

    /// Answers OpenSSL's question for a ticket's keys: 1 use it, 2 use it and hand out a new one, 0 unknown, -1 failed.
    func key(
        name: UnsafeMutablePointer<UInt8>, iv: UnsafeMutablePointer<UInt8>, cipher: OpaquePointer, code: OpaquePointer,
        isNew: Bool
    ) -> Int32 {
        let key: Key
        var answer: Int32 = 1
        if isNew {
            key = current()
            guard unsafe RAND_bytes(iv, EVP_MAX_IV_LENGTH) == 1 else { return -1 }
            for (index, byte) in key.name.enumerated() { unsafe name[index] = byte }
        } else {
            guard let found = find(unsafe Array(UnsafeBufferPointer(start: name, count: 16))) else { return 0 }
            key = found.key
            if found.isOld { answer = 2 }
        }
        var codeKey = key.codeKey
        let status = unsafe copenssl_key_ticket(cipher, code, key.cipherKey, &codeKey, codeKey.count, iv, isNew ? 1 : 0)
        return status == 1 ? answer : -1
    }
}
