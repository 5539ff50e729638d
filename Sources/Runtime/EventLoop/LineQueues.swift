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
    /// Bytes of reserved lines that may wait, those that are only announced included.
    static let reservedBytesMax = 256 * 1024
    /// What one reservation announces: two long lines.
    static let reservationBytes = 4 * 1024
    private static let batchBytesMax = 64 * 1024

    private var ordinary: [Batch] = []
    private var ordinaryBytes = 0
    private var reserved: [UInt8] = []
    private var reservedLines = 0
    private var reservations = 0
    /// Reserved lines that the writer has taken and not yet written.
    private var underWay: Batch?
    /// Ordinary lines that were dropped since the last notice of it.
    private var dropped = 0

    var isEmpty: Bool { ordinary.isEmpty && reserved.isEmpty }
    /// Reserved lines that are not written yet.
    var reservedLinesLeft: Int { reservedLines + (underWay?.lines ?? 0) }

    /// Announces an act that will write reserved lines.
    /// - Returns: false while so many wait that it must wait too.
    mutating func reserve() -> Bool {
        let announced = (reservations + 1) * Self.reservationBytes
        guard reserved.count + (underWay?.bytes.count ?? 0) + announced <= Self.reservedBytesMax else { return false }
        reservations += 1
        return true
    }

    mutating func release() { reservations = max(0, reservations - 1) }

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
        if !reserved.isEmpty {
            underWay = Batch(bytes: reserved, lines: reservedLines, isReserved: true)
            (reserved, reservedLines) = ([], 0)
            return underWay
        }
        guard !ordinary.isEmpty else { return nil }
        let batch = ordinary.removeFirst()
        ordinaryBytes -= batch.bytes.count
        return batch
    }

    mutating func written(_ batch: Batch) { if batch.isReserved { underWay = nil } }

    /// A batch could not be written. Reserved lines wait for another attempt; ordinary ones are dropped.
    /// - Parameter rest: the bytes of it that the reader has not got.
    mutating func failed(_ batch: Batch, rest: ArraySlice<UInt8>) {
        if batch.isReserved {
            underWay = nil
            reserved.insert(contentsOf: rest, at: 0)
            reservedLines += batch.lines
        } else {
            dropped += batch.lines
        }
    }

    /// The reserved lines that are not written yet; of the first the reader may have got a part.
    var reservedLeft: [UInt8] { (underWay?.bytes ?? []) + reserved }

    private static func notice(of dropped: Int) -> [UInt8] {
        Array(#"{"level":"warning","logger":"log","message":"log lines were dropped","lines":\#(dropped)}"#.utf8) + [
            0x0A
        ]
    }
}
