import EventLoop
import Glibc
import LoopTesting
import Testing

/// Lines that must not be lost, such as an audit trail's.
@Suite("Reserved lines of a writer", .leavesNothing, .serialized)
struct ReservedLineTests {
    private let flood = [UInt8](repeating: 0x61, count: 1_023) + [0x0A]

    private func line(_ number: Int) -> [UInt8] { Array("audit \(number)\n".utf8) }

    /// Everything that the writer writes until the other end is closed.
    private func readAll(_ descriptor: Int32) -> [String] {
        var received: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while case let count = read(descriptor, &buffer, buffer.count), count > 0 { received += buffer[..<count] }
        return String(decoding: received, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    @Test("all come, in order, though ordinary lines were dropped before, between and after them")
    func neverDropped() throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        let writer = LineWriter(descriptor: ends[1])
        // Nobody reads yet.
        for number in 0..<20 {
            for _ in 0..<200 { writer.write(flood) }
            #expect(writer.reserve())
            writer.writeReserved(line(number))
            writer.release()
        }
        // The pipe itself has room for some: how many lines are left depends on the writer's thread.
        #expect(writer.droppedLines > 0)
        let closer = Thread { [ends] in
            writer.flush(within: .seconds(60))
            writer.close()
            close(ends[1])
        }
        closer.start()
        let lines = readAll(ends[0]).filter { $0.hasPrefix("audit") }
        close(ends[0])
        #expect(lines == (0..<20).map { "audit \($0)" })
        #expect(writer.reservedLinesLeft == 0)
    }

    @Test("are refused a reservation while too many wait, and taken again when some were written")
    func bounded() throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        let writer = LineWriter(descriptor: ends[1])
        var taken = 0
        while taken < 10_000, writer.reserve() {
            writer.writeReserved(flood)
            writer.release()
            taken += 1
        }
        // 256 KiB in the queue, what the pipe takes, and a batch that is under way.
        #expect(taken > 100 && taken < 1_000)
        #expect(!writer.reserve())
        var buffer = [UInt8](repeating: 0, count: 65_536)
        var isTaken = false
        let end = ContinuousClock.now + .seconds(30)
        while !isTaken, ContinuousClock.now < end {
            _ = read(ends[0], &buffer, buffer.count)
            isTaken = writer.reserve()
        }
        #expect(isTaken)
        writer.release()
        writer.close()
        close(ends[0])
        close(ends[1])
    }

    @Test("that were only announced bound the queue as well, and give their places back")
    func announced() throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        let writer = LineWriter(descriptor: ends[1])
        var taken = 0
        while taken < 10_000, writer.reserve() { taken += 1 }
        #expect(taken == 64)
        writer.release()
        let again = writer.reserve()
        #expect(again)
        for _ in 0..<64 { writer.release() }
        writer.close()
        close(ends[0])
        close(ends[1])
    }

    @Test("are kept when the reader is gone, and handed out at the end")
    func readerGone() throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        signal(SIGPIPE, SIG_IGN)
        let writer = LineWriter(descriptor: ends[1])
        close(ends[0])
        #expect(writer.reserve())
        writer.writeReserved(line(1))
        writer.release()
        let left = writer.flush(within: .milliseconds(100), reserved: .milliseconds(100))
        #expect(left == line(1))
        writer.close()
        close(ends[1])
    }
}

/// Runs a closure beside the test, which blocks in a read.
private struct Thread: Sendable {
    let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) { self.body = body }

    func start() { Task.detached { body() } }
}
