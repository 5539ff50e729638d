import Synchronization

/// Names for traces and spans: they must differ, and sampling needs them evenly spread, but they need not be hard to
/// guess. A SplitMix64 sequence for each stripe, each from a random start, one relaxed add for all of a request.
struct IdentifierSource: Sendable {
    private static let step: UInt64 = 0x9E37_79B9_7F4A_7C15

    private final class Stripe: Sendable {
        let state: Atomic<UInt64>
        private let padding: InlineArray<7, UInt64> = .init(repeating: 0)

        init(_ start: UInt64) { state = Atomic(start) }
    }

    private let stripes: Stripes
    private let cells: [Stripe]

    init(threads: Int) {
        let stripes = Stripes(threads: threads)
        self.stripes = stripes
        var random = SystemRandomNumberGenerator()
        cells = (0..<stripes.count).map { _ in Stripe(random.next()) }
    }

    /// A trace and its first span.
    func trace() -> (TraceID, SpanID) {
        while true {
            let state = advance(by: 3)
            let high = Self.mix(state &- Self.step &- Self.step)
            if let trace = TraceID(high: high, low: Self.mix(state &- Self.step)), let span = SpanID(Self.mix(state)) {
                return (trace, span)
            }
        }
    }

    func spanID() -> SpanID {
        while true {
            if let id = SpanID(Self.mix(advance(by: 1))) { return id }
        }
    }

    private func advance(by numbers: UInt64) -> UInt64 {
        cells[stripes.current].state.wrappingAdd(Self.step &* numbers, ordering: .relaxed).newValue
    }

    private static func mix(_ state: UInt64) -> UInt64 {
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
