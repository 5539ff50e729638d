import Bytes
import HelperCore
import Synchronization

/// Rate-limit counters of this process. Shared by its loops and split into shards, so that loops hardly ever wait for each
/// other; a decision takes well under a microsecond and allocates nothing for a subject that is known.
final class LocalCounters: Sendable {
    /// Subjects that are counted for each policy, over all shards. Beyond it the subject that was seen longest ago starts afresh.
    static let subjectsMax = 65_536
    private static let shardsMax = 16

    private final class Shard: Sendable {
        let table: Mutex<WindowTable>
        init(_ table: WindowTable) { self.table = Mutex(table) }
    }

    /// By policy; none for one that is not used.
    private let read: [Shard]
    private let write: [Shard]
    private let authFailure: [Shard]
    private let reveal: [Shard]
    private let test: [Shard]
    private let logout: [Shard]
    private let now: @Sendable () -> UInt64

    /// - Parameters:
    ///   - policies: those that will be asked for.
    ///   - now: nanoseconds from any start, never going back.
    init(_ policies: [RatePolicy], subjectsMax: Int = LocalCounters.subjectsMax, now: @escaping @Sendable () -> UInt64)
    {
        let count = min(Self.shardsMax, max(1, subjectsMax / 64))
        func shards(_ name: RatePolicy.Name) -> [Shard] {
            guard let policy = policies.first(where: { $0.name == name }) else { return [] }
            return (0..<count).map { _ in Shard(WindowTable(policy, capacity: subjectsMax / count)) }
        }
        read = shards(.read)
        write = shards(.write)
        authFailure = shards(.authFailure)
        reveal = shards(.reveal)
        test = shards(.test)
        logout = shards(.logout)
        self.now = now
    }

    func count(_ subject: RateSubject, under policy: RatePolicy) -> RateVerdict {
        shard(subject, policy).table.withLock { $0.count(subject, at: now()) }
    }

    func note(_ subject: RateSubject, under policy: RatePolicy) {
        shard(subject, policy).table.withLock { $0.note(subject, at: now()) }
    }

    private func shard(_ subject: RateSubject, _ policy: RatePolicy) -> Shard {
        let shards =
            switch policy.name {
            case .read: read
            case .write: write
            case .authFailure: authFailure
            case .reveal: reveal
            case .test: test
            case .logout: logout
            }
        precondition(!shards.isEmpty, "Invalid state: no limit announced the policy \(policy.name)")
        return shards[Int(Self.spread(subject) % UInt64(shards.count))]
    }

    /// A number that is about as often one as another. Addresses are chosen by clients, behind a trusted proxy as freely as any
    /// text, so their hash is keyed: a client cannot crowd one shard.
    static func spread(_ subject: RateSubject) -> UInt64 {
        switch subject {
        case .owner(let mark): mark.spread
        case .address(let text): text.keyedHash
        }
    }
}
