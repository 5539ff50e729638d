import HelperCore
import Testing

@testable import SharedState

@Suite("Counters of one process")
struct LocalCountersTests {
    /// FNV-1a, the hash that once chose the shard.
    private func fnv1a(_ text: String) -> UInt64 {
        text.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }

    @Test("addresses chosen to meet under a known hash do not push each other out")
    func crowding() {
        let policy = RatePolicy(.read, [.init(limit: 1, seconds: 3_600)])
        // Sixteen shards of 64.
        let counters = LocalCounters([policy], subjectsMax: 1_024, now: { 1_000_000_000 })
        let chosen = (0...).lazy.map { "client-\($0)" }.filter { fnv1a($0) % 16 == 0 }.prefix(400)
        for address in chosen { #expect(counters.count(.address(address), under: policy).isAllowed) }
        for address in chosen { #expect(!counters.count(.address(address), under: policy).isAllowed) }
    }
}
