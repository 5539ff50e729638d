import Bytes
import Crypto

/// Whose application it is, whatever the user name says today: the first 24 hexadecimal digits of SHA-256 over the
/// issuer, a zero byte and the subject. Twelve bytes in place, since every cached caller is known by one.
package struct OwnerMark: Sendable, Hashable, CustomStringConvertible {
    private static let digits = 24

    private let high: UInt64
    private let low: UInt32

    package init(issuer: String, subject: String) {
        var name: [UInt8] = []
        name.reserveCapacity(issuer.utf8.count + 1 + subject.utf8.count)
        name.append(contentsOf: issuer.utf8)
        name.append(0)
        name.append(contentsOf: subject.utf8)
        self.init(bytes: SHA256.hash(name))
    }

    /// The mark at the end of an application's description, if it carries one.
    package init?(readingFrom text: String?) {
        guard let mark = ApplicationMark(readingFrom: text) else { return nil }
        self = mark.owner
    }

    /// The mark of its 24 digits, as replicas tell each other.
    package init?(digits: String) {
        guard digits.utf8.count == Self.digits, let bytes = Hex.decode(digits.utf8) else { return nil }
        self.init(bytes: bytes)
    }

    /// The 24 digits.
    package var description: String { Hex.encode(bytes) }

    /// Some of the hash that it is: as often one number as another.
    package var spread: UInt64 { high }

    /// The name under which 3scale takes one application for this owner, service, key and generation, and refuses the second.
    package func applicationID(service: Int, name: KeyName = .standard, generation: Int = 1) -> String {
        Self.name(Array(description.utf8) + [0], Self.place(service, name, generation))
    }

    /// The name to fall back on when that one is taken on another account, which the owner had under a former name.
    package func applicationID(
        service: Int, account: Int, name: KeyName = .standard, generation: Int = 1
    ) -> String {
        Self.name(Array(description.utf8) + [0], Self.place(service, name, generation, account: account))
    }

    /// The first generation of `default` is written as it was before keys had names.
    private static func place(_ service: Int, _ name: KeyName, _ generation: Int, account: Int? = nil) -> String {
        let start = account.map { "\(service) \($0)" } ?? String(service)
        return name == .standard && generation == 1 ? start : "\(start) \(name) \(generation)"
    }

    // MARK: Bytes and digits

    /// - Parameter bytes: at least twelve, of which the first count.
    private init(bytes: [UInt8]) {
        high = bytes[..<8].reduce(0) { $0 << 8 | UInt64($1) }
        low = bytes[8..<12].reduce(0) { $0 << 8 | UInt32($1) }
    }

    private var bytes: [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: high >> (56 - 8 * UInt64($0))) }
            + (0..<4).map { UInt8(truncatingIfNeeded: low >> (24 - 8 * UInt32($0))) }
    }

    private static func name(_ start: [UInt8], _ end: String) -> String {
        "mlaas-" + Hex.encode(SHA256.hash(start + Array(end.utf8)).prefix(12))
    }
}
