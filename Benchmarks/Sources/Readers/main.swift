import CCount
import Glibc

// The worst inputs that a search finds for each reader of bytes from outside, and what they cost.
//
// Readers search SEED MILLISECONDS   prints `reader<TAB>family` lines: for each reader those families of inputs that cost it
//                                    most for a byte, and those whose cost for a byte grows most
// Readers count                      reads such lines, and counts each at four lengths under callgrind
//
// The search goes by processor time, which is at hand everywhere; only the count decides.

extension Reader {
    var sizes: [Int] {
        var sizes: [Int] = []
        for bytes in [1, 4, 16, 32].map({ min($0 * 1024, most) }) where !sizes.contains(bytes) { sizes.append(bytes) }
        return sizes
    }
}

/// Processor time of this thread.
func nanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

/// The shortest of some runs: noise only ever adds.
func cost(_ reader: Reader, _ family: Family, bytes: Int) -> Double {
    let input = reader.input(family, bytes: bytes)
    let work = reader.prepare(input)
    var best = UInt64.max
    for _ in 0..<3 {
        let began = nanoseconds()
        work()
        best = min(best, nanoseconds() &- began)
        // What is this slow needs no second look.
        if best > 20_000_000 { break }
    }
    return Double(best) / Double(bytes)
}

/// Cost for a byte of a long input, and how much more that is than of a short one.
struct Fitness {
    let perByte: Double
    let growth: Double
}

func fitness(_ reader: Reader, _ family: Family) -> Fitness {
    let long = cost(reader, family, bytes: reader.most)
    // The fixed part of a short input is not what is asked for.
    return Fitness(perByte: long, growth: long / max(0.2, cost(reader, family, bytes: 4 * 1024)))
}

struct Search {
    let reader: Reader
    var random: Random

    mutating func token() -> Token {
        if Int.random(in: 0..<5, using: &random) == 0 {
            return Token.series.randomElement(using: &random) ?? .counter
        }
        return .bytes(Array((reader.words.randomElement(using: &random) ?? "a").utf8))
    }

    /// A shape with its holes filled.
    mutating func shape(_ shape: String) -> [Token] {
        var unit: [Token] = []
        for (number, piece) in shape.split(separator: "#", omittingEmptySubsequences: false).enumerated() {
            if number > 0 {
                unit.append(
                    Bool.random(using: &random) ? Token.series.randomElement(using: &random) ?? .counter : token())
            }
            if !piece.isEmpty { unit.append(.bytes(Array(piece.utf8))) }
        }
        return unit
    }

    mutating func family() -> Family {
        if Bool.random(using: &random), let shape = reader.shapes.randomElement(using: &random) {
            return Family(frame: Int.random(in: 0..<reader.frames.count, using: &random), unit: self.shape(shape))
        }
        let unit = (0..<Int.random(in: 1...5, using: &random)).map { _ in token() }
        return Family(frame: Int.random(in: 0..<reader.frames.count, using: &random), unit: unit)
    }

    mutating func mutated(_ family: Family) -> Family {
        var family = family
        let place = Int.random(in: 0...family.unit.count, using: &random)
        switch Int.random(in: 0..<6, using: &random) {
        case 0, 1: family.unit.insert(token(), at: place)
        case 2 where place < family.unit.count && family.unit.count > 1: family.unit.remove(at: place)
        case 3: family.frame = Int.random(in: 0..<reader.frames.count, using: &random)
        case 4 where family.unit.count > 1: family.unit.shuffle(using: &random)
        default: if place < family.unit.count { family.unit[place] = token() }
        }
        if family.unit.count > 12 { family.unit.removeLast() }
        return family
    }

    /// Half the time for chance, half for climbing from the best.
    mutating func run(nanoseconds budget: UInt64) -> [Family] {
        let began = nanoseconds()
        var byCost: [(Family, Double)] = []
        var byGrowth: [(Family, Double)] = []
        func keep(_ family: Family, _ value: Double, in list: inout [(Family, Double)]) {
            guard !list.contains(where: { $0.0 == family }) else { return }
            list.append((family, value))
            list.sort { $0.1 > $1.1 }
            if list.count > 4 { list.removeLast() }
        }
        while nanoseconds() &- began < budget {
            let isClimbing = nanoseconds() &- began > budget / 2
            let list = Bool.random(using: &random) ? byCost : byGrowth
            let candidate = isClimbing ? list.randomElement(using: &random).map { mutated($0.0) } ?? family() : family()
            let found = fitness(reader, candidate)
            keep(candidate, found.perByte, in: &byCost)
            keep(candidate, found.growth, in: &byGrowth)
        }
        return (byCost.prefix(3) + byGrowth.prefix(3)).map(\.0)
    }
}

switch CommandLine.arguments.dropFirst().first {
case "search":
    let seed = UInt64(CommandLine.arguments.dropFirst(2).first ?? "") ?? 1
    let milliseconds = UInt64(CommandLine.arguments.dropFirst(3).first ?? "") ?? 1_000
    for (number, reader) in Reader.all.enumerated() {
        var search = Search(reader: reader, random: Random(seed: seed &* 1_000 &+ UInt64(number)))
        for family in search.run(nanoseconds: milliseconds * 1_000_000) { print("\(reader.name)\t\(family.text)") }
    }
case "count":
    while let line = readLine() {
        let parts = line.split(separator: "\t").map(String.init)
        guard parts.count == 2, let reader = Reader.all.first(where: { $0.name == parts[0] }),
            let family = Family(parts[1])
        else { fatalError("not a family: \(line)") }
        for bytes in reader.sizes {
            let work = reader.prepare(reader.input(family, bytes: bytes))
            // What is made once is made before.
            work()
            count_begin()
            work()
            count_end("\(bytes)\t\(line)")
        }
    }
default:
    for reader in Reader.all { print(reader.name) }
}
