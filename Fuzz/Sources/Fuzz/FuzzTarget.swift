/// One entry that takes bytes from outside, and what must hold for every input.
protocol FuzzTarget: SendableMetatype {
    /// The name on the command line and of its folder in `Fuzz/Corpus`.
    static var name: String { get }
    /// Feeds one input; stops the process through `require` when something does not hold. The bytes end at a page that
    /// cannot be read.
    static func run(_ input: UnsafeBufferPointer<UInt8>)
}

/// Stops at a broken promise, so that libFuzzer keeps the input.
func require(_ holds: Bool, _ promise: @autoclosure () -> String, line: UInt = #line) {
    if !holds { fatalError("broken promise (line \(line)): \(promise())") }
}

extension UnsafeBufferPointer<UInt8> {
    /// The first byte steers how the rest is used, so that libFuzzer chooses that as well.
    var steered: (choice: UInt8, rest: UnsafeBufferPointer<UInt8>) {
        guard let first else { return (0, self) }
        return (first, UnsafeBufferPointer(rebasing: self[1...]))
    }
}

/// Where to cut an input: a small generator, so that a choice of 64 bits gives the same cuts again.
struct Cuts {
    private var state: UInt64

    /// - Parameter seed: taken from the input itself, which is all that a reproduction has.
    init(seed: some Sequence<UInt8>) {
        state = seed.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }

    /// Pieces of 1...`most` bytes.
    mutating func pieces(of bytes: UnsafeBufferPointer<UInt8>, most: Int = 24) -> [UnsafeBufferPointer<UInt8>] {
        var pieces: [UnsafeBufferPointer<UInt8>] = []
        var start = 0
        while start < bytes.count {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let end = min(bytes.count, start + 1 + Int(state >> 33) % most)
            pieces.append(UnsafeBufferPointer(rebasing: bytes[start..<end]))
            start = end
        }
        return pieces
    }
}
