import Bytes
import Crypto
import Synchronization

/// Tokens that were seen lately, whole, in front of `VerifiedTokenCache`: comparing a token's bytes costs a small part of
/// hashing them. Each has one place, which the end of its signature decides. Of those that share it, one that comes twice
/// without another in between has it: many that take turns would only drive each other out.
///
/// `RecentLists` keeps its places in the same way. One generic type for both was tried and costs an authenticated list a
/// third more instructions: across modules it is not specialised.
///
/// Only tokens that were verified get in, and one is found only by being the same in every byte.
final class RecentTokens: Sendable {
    final class Entry: Sendable {
        let digest: SHA256Digest
        let verified: VerifiedToken
        private let bytes: [UInt8]

        init(_ bytes: ArraySlice<UInt8>, _ digest: SHA256Digest, _ verified: VerifiedToken) {
            self.bytes = Array(bytes)
            self.digest = digest
            self.verified = verified
        }

        func holds(_ token: ArraySlice<UInt8>) -> Bool { bytes.holdsSame(as: token) }
    }

    /// A token that is longer is hashed each time: all of them together take 8 MiB at most, at a usual length half of that.
    static let tokenBytesMax = 2_048
    private static let shards = 64
    private static let placesPerShard = 64

    private struct Place: Sendable {
        var entry: Entry?
        /// What came last and was not found here.
        var candidate: SHA256Digest?
    }

    private final class Shard: Sendable {
        let places = Mutex<[Place]>([])
    }

    private let shards: [Shard] = (0..<RecentTokens.shards).map { _ in Shard() }
    /// No client can choose tokens that meet in one place.
    private let seed = UInt64.random(in: 0 ... .max) | 1

    /// The entry of this very token, if it may be believed still.
    func entry(_ token: ArraySlice<UInt8>, now: Double) -> Entry? {
        let (shard, place) = place(of: token)
        let found = shard.places.withLock { $0.isEmpty ? nil : $0[place].entry }
        guard let found, found.holds(token), found.verified.isGood(now) else { return nil }
        return found
    }

    /// A token that was verified before was not found here.
    func offer(_ token: ArraySlice<UInt8>, _ digest: SHA256Digest, _ verified: VerifiedToken) {
        guard token.count <= Self.tokenBytesMax else { return }
        let (shard, place) = place(of: token)
        shard.places.withLock { places in
            if places.isEmpty { places = Array(repeating: Place(), count: Self.placesPerShard) }
            if places[place].candidate == digest {
                places[place] = Place(entry: Entry(token, digest, verified), candidate: nil)
            } else {
                places[place].candidate = digest
            }
        }
    }

    private func place(of token: ArraySlice<UInt8>) -> (Shard, Int) {
        var end: UInt64 = 0
        for byte in token.suffix(8) { end = end << 8 | UInt64(byte) }
        let mixed = Int(truncatingIfNeeded: (end &* seed) >> 52)
        return (shards[mixed & (Self.shards - 1)], mixed / Self.shards)
    }
}
