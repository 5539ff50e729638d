import HelperCore
import Synchronization

/// Rate-limit counters of this process. Shared by its loops and split into shards, so that loops hardly ever wait for each
/// other; a decision takes well under a microsecond and allocates nothing for a subject that is known.
final class LocalCounters: Sendable {
    /// Subjects that are counted for each policy, over all shards. Beyond it whoever was seen longest ago starts afresh.
    static let subjectsMax = 65_536
    private static let shardsMax = 16

    private final class Shard: Sendable {
        let table: Mutex<WindowTable>
        init(_ table: WindowTable) { self.table = Mutex(table) }
    }

    private struct Counters: Sendable {
        let policy: RatePolicy
        let shards: [Shard]
    }

    private let counters: [Counters]
    private let now: @Sendable () -> UInt64

    /// - Parameters:
    ///   - policies: those that will be asked for.
    ///   - now: nanoseconds from any start, never going back.
    init(_ policies: [RatePolicy], subjectsMax: Int = LocalCounters.subjectsMax, now: @escaping @Sendable () -> UInt64)
    {
        let shards = min(Self.shardsMax, max(1, subjectsMax / 64))
        counters = policies.map { policy in
            Counters(
                policy: policy,
                shards: (0..<shards).map { _ in Shard(WindowTable(policy, capacity: subjectsMax / shards)) })
        }
        self.now = now
    }

    func count(_ subject: String, under policy: RatePolicy) -> RateVerdict {
        shard(subject, policy).table.withLock { $0.count(subject, at: now()) }
    }

    func note(_ subject: String, under policy: RatePolicy) {
        shard(subject, policy).table.withLock { $0.note(subject, at: now()) }
    }

    private func shard(_ subject: String, _ policy: RatePolicy) -> Shard {
        for counters in counters where counters.policy.name == policy.name {
            // FNV-1a: subjects are short, and all of them matter.
            var hash: UInt64 = 0xCBF2_9CE4_8422_2325
            for byte in subject.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
            return counters.shards[Int(hash % UInt64(counters.shards.count))]
        }
        preconditionFailure("Invalid state: nobody announced the policy \(policy.name)")
    }
}
