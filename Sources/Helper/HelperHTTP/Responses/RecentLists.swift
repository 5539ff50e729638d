import HelperCore
import Synchronization

/// Cached bodies of lists. The owner mark decides the one slot of each caller. Of the callers that share a slot, the one
/// that asks twice in a row gets it: a single request is not worth the memory, and callers that alternate would only
/// evict each other.
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
        /// The caller that last asked and found no list; retained, so that no other object can have its identity.
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
