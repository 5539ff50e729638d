import EventLoop
import Glibc
import LoopTesting
import TestSupport
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
        let ends = try pipeEnds()
        let writer = LineWriter(descriptor: ends[1])
        // The pipe has no reader yet.
        for number in 0..<20 {
            for _ in 0..<200 { writer.write(flood) }
            #expect(writer.reserve(for: "ada") == .made)
            writer.writeReserved(line(number))
            writer.release(for: "ada")
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
        let ends = try pipeEnds()
        let writer = LineWriter(descriptor: ends[1])
        var taken = 0
        while taken < 10_000, writer.reserve(for: "ada") == .made {
            writer.writeReserved(flood)
            writer.release(for: "ada")
            taken += 1
        }
        // 256 KiB in the queue, what the pipe takes, and a batch that is under way.
        #expect(taken > 100 && taken < 1_000)
        #expect(writer.reserve(for: "ada") == .linesWait && writer.reserve(for: "bob") == .linesWait)
        #expect(!writer.hasReservedRoom)
        var buffer = [UInt8](repeating: 0, count: 65_536)
        var isTaken = false
        let end = ContinuousClock.now + .seconds(30)
        while !isTaken, ContinuousClock.now < end {
            _ = read(ends[0], &buffer, buffer.count)
            isTaken = writer.reserve(for: "ada") == .made
        }
        #expect(isTaken && writer.hasReservedRoom)
        writer.release(for: "ada")
        writer.close()
        close(ends[0])
        close(ends[1])
    }

    /// Eight callers once held every reservation while 3scale was slow, and a ninth was refused.
    @Test("that were only announced leave other owners a reservation: each gets a quarter of what is free")
    func shares() throws {
        let ends = try pipeEnds()
        let writer = LineWriter(descriptor: ends[1])
        var held: [String] = []
        for owner in 0..<8 {
            while held.count < 10_000, writer.reserve(for: "slow-\(owner)") == .made { held.append("slow-\(owner)") }
        }
        #expect(held.count { $0 == "slow-0" } == 13)
        #expect(held.count < 64)
        #expect(writer.reserve(for: "slow-0") == .actsHoldAll)
        #expect(writer.reserve(for: "ada") == .made)
        // An act that changes nothing needs none.
        #expect(writer.hasReservedRoom)
        writer.release(for: "ada")
        for owner in held { writer.release(for: owner) }
        #expect(writer.reserve(for: "slow-0") == .made)
        writer.close()
        close(ends[0])
        close(ends[1])
    }

    @Test("that were only announced are bounded in number, and given back one by one")
    func announced() throws {
        let ends = try pipeEnds()
        let writer = LineWriter(descriptor: ends[1])
        var taken = 0
        while taken < 10_000, writer.reserve(for: "owner-\(taken)") == .made { taken += 1 }
        #expect(taken == 64)
        writer.release(for: "owner-0")
        writer.release(for: "owner-0")
        #expect(writer.reserve(for: "ada") == .made)
        #expect(writer.reserve(for: "bob") == .actsHoldAll)
        writer.close()
        close(ends[0])
        close(ends[1])
    }

    @Test("are kept when the reader is gone, and handed out at the end")
    func readerGone() throws {
        let ends = try pipeEnds()
        signal(SIGPIPE, SIG_IGN)
        let writer = LineWriter(descriptor: ends[1])
        close(ends[0])
        #expect(writer.reserve(for: "ada") == .made)
        writer.writeReserved(line(1))
        writer.release(for: "ada")
        let left = writer.flush(within: .milliseconds(100), reserved: .milliseconds(100))
        #expect(left == line(1))
        writer.close()
        close(ends[1])
    }

    /// More than a pipe takes, so that its writer is waiting in the middle of it.
    private let long = [UInt8](repeating: 0x62, count: 199_999) + [0x0A]

    private func wait(_ isDone: () -> Bool) -> Bool {
        let end = ContinuousClock.now + .seconds(30)
        while !isDone(), ContinuousClock.now < end { usleep(1_000) }
        return isDone()
    }

    /// A disk that fills up takes a part of a line, then nothing, then everything once there is space.
    @Test("stand on lines of their own after an ordinary line that was cut", arguments: [0, 1, 3])
    func afterCut(failuresBetween: Int) throws {
        let ends = try pipeEnds()
        signal(SIGPIPE, SIG_IGN)
        let writer = LineWriter(descriptor: ends[1])
        writer.write(long)
        var buffer = [UInt8](repeating: 0, count: 4_096)
        #expect(read(ends[0], &buffer, buffer.count) > 0)
        close(ends[0])
        #expect(wait { writer.droppedLines == 1 })
        for number in 0..<failuresBetween {
            let before = writer.droppedLines
            writer.write(line(100 + number))
            #expect(wait { writer.droppedLines > before })
        }
        // The same descriptor works again.
        let again = try pipeEnds()
        try #require(dup2(again[1], ends[1]) == ends[1])
        close(again[1])
        #expect(writer.reserve(for: "ada") == .made)
        writer.writeReserved(line(1))
        writer.writeReserved(line(2))
        writer.release(for: "ada")
        writer.flush(within: .seconds(30))
        writer.close()
        close(ends[1])
        var text: [UInt8] = []
        while case let count = read(again[0], &buffer, buffer.count), count > 0 { text += buffer[..<count] }
        close(again[0])
        // Behind the part that the reader got before.
        #expect(String(decoding: text, as: UTF8.self) == "\naudit 1\naudit 2\n")
    }

    @Test("are handed out whole at the end when the reader got a part of one")
    func cutItself() throws {
        let ends = try pipeEnds()
        signal(SIGPIPE, SIG_IGN)
        let writer = LineWriter(descriptor: ends[1])
        #expect(writer.reserve(for: "ada") == .made)
        writer.writeReserved(long)
        writer.writeReserved(line(1))
        writer.release(for: "ada")
        var buffer = [UInt8](repeating: 0, count: 4_096)
        #expect(read(ends[0], &buffer, buffer.count) > 0)
        close(ends[0])
        let left = writer.flush(within: .milliseconds(100), reserved: .milliseconds(100))
        #expect(left == long + line(1))
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
