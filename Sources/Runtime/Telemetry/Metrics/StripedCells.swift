import CThreadNumber
import Synchronization

/// Spreads what threads count over stripes, so that two loops do not fight for one cache line. A thread keeps to its
/// stripe; a reader adds all of them up.
struct Stripes: Sendable {
    /// A power of two less one.
    private let mask: UInt32

    /// - Parameter threads: how many count at once; rounded up to a power of two, 1...16.
    init(threads: Int) {
        var count: UInt32 = 1
        while count < threads, count < 16 { count *= 2 }
        mask = count - 1
    }

    var count: Int { Int(mask) + 1 }

    /// The calling thread's.
    var current: Int { Int(cthread_number() & mask) }
}

/// A sum that grows by one relaxed atomic add.
final class StripedSum: CounterHandler {
    /// The padding keeps the next stripe's number off this one's cache line, wherever the allocator puts them.
    private final class Stripe: Sendable {
        let sum = Atomic<Int64>(0)
        private let padding: InlineArray<7, Int64> = .init(repeating: 0)
    }

    private let stripes: Stripes
    private let cells: [Stripe]

    init(_ stripes: Stripes) {
        self.stripes = stripes
        cells = (0..<stripes.count).map { _ in Stripe() }
    }

    func increment(by amount: Int64) { cells[stripes.current].sum.wrappingAdd(amount, ordering: .relaxed) }

    /// The sum over all stripes; increments that happen meanwhile may or may not be in it.
    var value: Int64 { cells.reduce(0) { $0 &+ $1.sum.load(ordering: .relaxed) } }
}

/// Counts by fixed buckets, and the sum of what was counted: two relaxed atomic adds a record.
final class StripedHistogram: TimerHandler {
    /// Bounds a histogram may have.
    static let boundsMax = 24
    private static let nanosecondsPerSecond = 1e9

    /// One cell a bucket, the last one the sum; what is left over keeps stripes off each other's cache lines.
    private final class Stripe: Sendable {
        let cells: InlineArray<34, Atomic<Int64>> = .init { _ in Atomic(0) }
    }

    /// Seconds for a timer, ascending.
    let bounds: [Double]
    private let ends: [Int64]
    private let stripes: Stripes
    private let parts: [Stripe]

    /// - Parameter bounds: the buckets' upper bounds, ascending, at most `boundsMax`.
    init(bounds: [Double], _ stripes: Stripes) {
        precondition(bounds.count <= Self.boundsMax, "Invalid state: a histogram with \(bounds.count) bounds")
        self.bounds = bounds
        ends = bounds.map { Int64(exactly: ($0 * Self.nanosecondsPerSecond).rounded()) ?? .max }
        self.stripes = stripes
        parts = (0..<stripes.count).map { _ in Stripe() }
    }

    func recordNanoseconds(_ duration: Int64) {
        let duration = max(0, duration)
        // From the short end, where most requests are.
        var bucket = 0
        while bucket < ends.count, duration > ends[bucket] { bucket += 1 }
        let part = parts[stripes.current]
        part.cells[bucket].wrappingAdd(1, ordering: .relaxed)
        part.cells[ends.count + 1].wrappingAdd(duration, ordering: .relaxed)
    }

    /// Cumulative counts per bound, the count of all, and the sum.
    func read() -> (buckets: [Int64], count: Int64, sum: Double) {
        var total: Int64 = 0
        var cumulative: [Int64] = []
        cumulative.reserveCapacity(ends.count)
        for bucket in 0...ends.count {
            for part in parts { total &+= part.cells[bucket].load(ordering: .relaxed) }
            if bucket < ends.count { cumulative.append(total) }
        }
        let sum = parts.reduce(Int64(0)) { $0 &+ $1.cells[ends.count + 1].load(ordering: .relaxed) }
        return (cumulative, total, Double(sum) / Self.nanosecondsPerSecond)
    }
}

/// What becomes of a series that was refused.
struct Discarded: CounterHandler, TimerHandler {
    func increment(by amount: Int64) {}
    func recordNanoseconds(_ duration: Int64) {}
}
