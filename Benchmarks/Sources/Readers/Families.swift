/// A family of inputs of any length: a frame, and a unit that is repeated in it.
struct Family: Equatable {
    var frame: Int
    var unit: [Token]

    /// One line of text that `init(_:)` reads again.
    var text: String { "\(frame) " + unit.map(\.text).joined(separator: " ") }

    init(frame: Int, unit: [Token]) {
        self.frame = frame
        self.unit = unit
    }

    init?(_ text: String) {
        let words = text.split(separator: " ")
        guard let first = words.first, let frame = Int(first) else { return nil }
        self.frame = frame
        unit = words.dropFirst().compactMap { Token(String($0)) }
    }
}

/// A piece of a unit: bytes, or a series whose members all differ, which is what readers that compare pay for.
enum Token: Equatable {
    case bytes([UInt8])
    /// 1, 2, 3 …
    case counter
    /// Names that share a long start.
    case shared
    /// Names that share a long end.
    case sharedEnd
    /// Names that have one 32-bit FNV-1a hash.
    case colliding
    /// Names that are canonically equivalent.
    case equivalent

    static let series: [Token] = [.counter, .shared, .sharedEnd, .colliding, .equivalent]

    var text: String {
        switch self {
        case .bytes(let bytes): "x" + bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        case .counter: "counter"
        case .shared: "shared"
        case .sharedEnd: "sharedEnd"
        case .colliding: "colliding"
        case .equivalent: "equivalent"
        }
    }

    init?(_ text: String) {
        if let series = Token.series.first(where: { $0.text == text }) {
            self = series
            return
        }
        guard text.first == "x" else { return nil }
        let digits = Array(text.dropFirst())
        self = .bytes(
            stride(from: 0, to: digits.count - 1, by: 2).compactMap { UInt8(String(digits[$0...$0 + 1]), radix: 16) })
    }

    /// - Parameter number: of the repetition.
    func append(_ number: Int, to out: inout [UInt8]) {
        switch self {
        case .bytes(let bytes): out += bytes
        case .counter: out += Array(String(number).utf8)
        case .shared: out += Token.padding + Array(String(number + 100_000).utf8)
        case .sharedEnd: out += Array(String(number + 100_000).utf8) + Token.padding
        case .colliding: out += Colliding.name(number)
        case .equivalent:
            for bit in 0..<14 { out += number >> bit & 1 == 0 ? [0xC3, 0xA9] : [0x65, 0xCC, 0x81] }
        }
    }

    private static let padding = [UInt8](repeating: 0x61, count: 40)
}

/// Names whose FNV-1a has the same 32 low bits: each of 14 places has two blocks that lead from one state to the same next.
enum Colliding {
    private static let blocks: [([UInt8], [UInt8])] = {
        var blocks: [([UInt8], [UInt8])] = []
        var state: UInt32 = 0x84222325
        for _ in 0..<14 {
            var seen: [UInt32: UInt64] = [:]
            var number: UInt64 = 0
            while true {
                let block = text(number)
                let hash = block.reduce(state) { ($0 ^ UInt32($1)) &* 0x1B3 }
                if let other = seen[hash] {
                    blocks.append((text(other), block))
                    state = hash
                    break
                }
                seen[hash] = number
                number += 1
            }
        }
        return blocks
    }()

    /// Six letters.
    private static func text(_ number: UInt64) -> [UInt8] {
        (0..<6).map { UInt8(truncatingIfNeeded: 0x61 + number >> (4 * $0) & 15) }
    }

    static func name(_ number: Int) -> [UInt8] {
        blocks.enumerated().flatMap { number >> $0 & 1 == 0 ? $1.0 : $1.1 }
    }
}

/// A small generator of numbers: one seed gives one search.
struct Random: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}
