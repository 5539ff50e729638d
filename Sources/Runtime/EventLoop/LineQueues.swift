/// What became of an attempt to reserve room for the lines of an act.
package enum LineReservation: Sendable {
    case made
    /// Refused: the reader does not take the lines that wait.
    case linesWait
    /// Refused: acts under way hold the reservations, or this owner's share of them.
    case actsHoldAll
}

/// What a writer of lines has still to write: reserved lines, which are never dropped, and ordinary ones, which are when
/// their queue is full. Not thread-safe.
struct LineQueues: Sendable {
    /// Bytes that leave in one write. Reserved lines come first, so that they wait for one such write at most.
    struct Batch: Sendable {
        var bytes: [UInt8]
        var lines: Int
        let isReserved: Bool
    }

    /// Bytes of ordinary lines that may wait.
    static let ordinaryBytesMax = 1024 * 1024
    /// Bytes of reserved lines that may wait before no more acts begin.
    static let reservedBytesMax = 256 * 1024
    /// Acts that may hold a reservation at once. Each writes about two long lines, 4 KiB.
    static let reservationsMax = 64
    /// An owner may hold this fraction of the reservations that are free, so that one is left for other owners.
    private static let ownerFraction = 4
    private static let batchBytesMax = 64 * 1024
    private static let lineFeed: UInt8 = 0x0A

    private var ordinary: [Batch] = []
    private var ordinaryBytes = 0
    private var reserved: [UInt8] = []
    private var reservedLines = 0
    private var reservations = 0
    /// Reservations by the owner who holds them.
    private var holders: [String: Int] = [:]
    /// Reserved lines that the writer has taken and not yet written.
    private var underWay: Batch?
    /// What the reader got of the reserved line that the last failure cut; the rest of it is the first that waits.
    private var cut: [UInt8] = []
    /// The reader got a part of an ordinary line whose rest was dropped.
    private var endsInsideLine = false
    /// Ordinary lines that were dropped since the last notice of it.
    private var dropped = 0

    var isEmpty: Bool { ordinary.isEmpty && reserved.isEmpty }
    /// Reserved lines that are not written yet.
    var reservedLinesLeft: Int { reservedLines + (underWay?.lines ?? 0) }

    /// Whether few enough reserved lines wait that more may be written.
    var hasReservedRoom: Bool { reserved.count + (underWay?.bytes.count ?? 0) < Self.reservedBytesMax }

    /// Announces an act that will write reserved lines.
    mutating func reserve(for owner: String) -> LineReservation {
        guard hasReservedRoom else { return .linesWait }
        let held = holders[owner] ?? 0
        let free = Self.reservationsMax - reservations
        guard free > 0, held * Self.ownerFraction <= free else { return .actsHoldAll }
        reservations += 1
        holders[owner] = held + 1
        return .made
    }

    mutating func release(for owner: String) {
        guard let held = holders[owner] else { return }
        holders[owner] = held > 1 ? held - 1 : nil
        reservations -= 1
    }

    /// Takes a line whatever waits already: its reservation has bounded that.
    mutating func appendReserved(_ line: [UInt8]) {
        reserved.append(contentsOf: line)
        reservedLines += 1
    }

    /// - Returns: false when the line was dropped.
    mutating func append(_ line: [UInt8]) -> Bool {
        guard ordinaryBytes + line.count <= Self.ordinaryBytesMax else {
            dropped += 1
            return false
        }
        if dropped > 0 {
            push(Self.notice(of: dropped))
            dropped = 0
        }
        push(line)
        return true
    }

    private mutating func push(_ line: [UInt8]) {
        ordinaryBytes += line.count
        let last = ordinary.count - 1
        if last >= 0, ordinary[last].bytes.count + line.count <= Self.batchBytesMax {
            ordinary[last].bytes.append(contentsOf: line)
            ordinary[last].lines += 1
        } else {
            ordinary.append(Batch(bytes: line, lines: 1, isReserved: false))
        }
    }

    /// What to write next; nil when nothing waits. `written` or `failed` follows.
    mutating func takeBatch() -> Batch? {
        var batch: Batch
        if !reserved.isEmpty {
            batch = Batch(bytes: reserved, lines: reservedLines, isReserved: true)
            (reserved, reservedLines) = ([], 0)
        } else if !ordinary.isEmpty {
            batch = ordinary.removeFirst()
            ordinaryBytes -= batch.bytes.count
        } else {
            return nil
        }
        if endsInsideLine {
            batch.bytes.insert(Self.lineFeed, at: 0)
            endsInsideLine = false
        }
        if batch.isReserved { underWay = batch }
        return batch
    }

    mutating func written(_ batch: Batch) {
        guard batch.isReserved else { return }
        underWay = nil
        cut = []
    }

    /// A batch could not be written. Reserved lines wait for another attempt; ordinary ones are dropped.
    /// - Parameter rest: the bytes of it that the reader has not got.
    /// - Returns: the lines that were dropped, one that was cut included.
    mutating func failed(_ batch: Batch, rest: ArraySlice<UInt8>) -> Int {
        let got = batch.bytes[..<rest.startIndex]
        let lines = min(batch.lines, rest.count { $0 == Self.lineFeed })
        guard batch.isReserved else {
            // Of a batch that began with the end of a cut line the reader may have got nothing at all.
            endsInsideLine = got.isEmpty ? batch.bytes.first == Self.lineFeed : got.last != Self.lineFeed
            dropped += lines
            return lines
        }
        underWay = nil
        cut = got.lastIndex(of: Self.lineFeed).map { Array(got[($0 + 1)...]) } ?? cut + got
        reserved.insert(contentsOf: rest, at: 0)
        reservedLines += lines
        return 0
    }

    /// The reserved lines that are not written yet, each whole: of the first the reader may have got a part.
    var reservedLeft: [UInt8] { cut + (underWay?.bytes ?? []) + reserved }

    private static func notice(of dropped: Int) -> [UInt8] {
        Array(#"{"level":"warning","logger":"log","message":"log lines were dropped","lines":\#(dropped)}"#.utf8) + [
            0x0A
        ]
    }
}
