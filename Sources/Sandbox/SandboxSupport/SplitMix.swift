/// SplitMix64: the same numbers for the same seed on every machine.
package struct SplitMix: Sendable {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    /// 0..<1.
    package mutating func fraction() -> Double {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return Double((mixed ^ (mixed >> 31)) >> 11) / 9_007_199_254_740_992
    }

    /// A whole number from 0 to `most`; 0 where `most` is not positive.
    package mutating func upTo(_ most: Int) -> Int {
        most > 0 ? min(most, Int(fraction() * Double(min(most, 1 << 40) + 1))) : 0
    }
}
