import HelperCore
import Synchronization

/// Lists that were answered lately, whole. Each caller has one place, which the owner mark decides. Of those who share it,
/// whoever asks twice without another in between has it: who comes once only is not worth the memory, and many who take
/// turns would only drive each other out.
///
/// A body is given again only to the very caller, as one verified token names them, from the very catalogue and the very
/// keys that it was made of. Whether these are the ones in force is decided before this is asked.
final class RecentLists: Sendable {
    private final class Entry: Sendable {
        let caller: Caller
        let catalog: UInt64
        let keys: UInt64
        let body: [UInt8]

        init(_ caller: Caller, _ result: ListServices.Result, _ body: [UInt8]) {
            self.caller = caller
            catalog = result.catalog.version
            keys = result.keysVersion
            self.body = body
        }
    }

    /// A longer list is put together each time: copying it is most of the work then. All of them together take 8 MiB at
    /// most, with ten services a quarter of that.
    private static let bodyBytesMax = 8_192
    private static let shards = 32
    private static let placesPerShard = 32

    private struct Place: Sendable {
        var entry: Entry?
        /// Who asked last and did not find a list; held, so that nobody else can be taken for them.
        var candidate: Caller?
    }

    private final class Shard: Sendable {
        let places = Mutex<[Place]>([])
    }

    private let shards: [Shard] = (0..<RecentLists.shards).map { _ in Shard() }

    func body(of result: ListServices.Result, for caller: Caller) -> [UInt8]? {
        let (shard, place) = place(of: caller)
        let found = shard.places.withLock { $0.isEmpty ? nil : $0[place].entry }
        guard let found, found.caller === caller, found.catalog == result.catalog.version,
            found.keys == result.keysVersion
        else { return nil }
        return found.body
    }

    func insert(_ body: [UInt8], of result: ListServices.Result, for caller: Caller) {
        guard body.count <= Self.bodyBytesMax else { return }
        let (shard, place) = place(of: caller)
        shard.places.withLock { places in
            if places.isEmpty { places = Array(repeating: Place(), count: Self.placesPerShard) }
            if places[place].candidate === caller {
                places[place] = Place(entry: Entry(caller, result, body), candidate: nil)
            } else {
                places[place].candidate = caller
            }
        }
    }

    private func place(of caller: Caller) -> (Shard, Int) {
        let spread = Int(truncatingIfNeeded: caller.ownerMark.spread)
        return (shards[spread & (Self.shards - 1)], (spread / Self.shards) & (Self.placesPerShard - 1))
    }
}
