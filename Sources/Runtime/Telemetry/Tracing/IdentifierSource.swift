import Synchronization

/// Names for traces and spans: they must differ, and sampling needs them evenly spread; nobody must be kept from guessing
/// them. A SplitMix64 sequence for each stripe, each from a random start, one relaxed add a number.
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

    func traceID() -> TraceID {
        while true {
            if let id = TraceID(high: next(), low: next()) { return id }
        }
    }

    func spanID() -> SpanID {
        while true {
            if let id = SpanID(next()) { return id }
        }
    }

    private func next() -> UInt64 {
        var mixed = cells[stripes.current].state.wrappingAdd(Self.step, ordering: .relaxed).newValue
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
