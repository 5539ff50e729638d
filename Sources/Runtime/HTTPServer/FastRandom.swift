/// xoroshiro128+: names requests, which must differ but need not be secret. Seeded from the system's source.
struct FastRandom: RandomNumberGenerator {
    private var state: (UInt64, UInt64)

    init() {
        var system = SystemRandomNumberGenerator()
        state = (system.next() | 1, system.next())
    }

    mutating func next() -> UInt64 {
        let result = state.0 &+ state.1
        let mixed = state.1 ^ state.0
        state.0 = (state.0 << 24 | state.0 >> 40) ^ mixed ^ (mixed << 16)
        state.1 = mixed << 37 | mixed >> 27
        return result
    }
}
