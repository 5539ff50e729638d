import EventLoop
import Glibc
import LoopTesting
import TestSupport
import Testing

/// The writer of lines is let go in each of its states: its thread must end, and with it the writer.
@Suite("A writer of lines", .leavesNothing, .serialized)
struct LineWriterTests {
    enum Step: CaseIterable {
        case neverWritten, written, whileTheReaderSleeps, withTheQueueFull, afterTheReaderHasGone, twice, whileWriting
    }

    @Test("let go at each step", arguments: Step.allCases)
    func teardown(_ step: Step) async throws {
        for _ in 0..<30 {
            weak var gone: LineWriter?
            let ends = try pipeEnds()
            do {
                let writer = LineWriter(descriptor: ends[1])
                gone = writer
                let line = [UInt8](repeating: 0x61, count: 1_023) + [0x0A]
                switch step {
                case .neverWritten, .twice: writer.close()
                case .written, .afterTheReaderHasGone:
                    if step == .afterTheReaderHasGone { close(ends[0]) }
                    writer.write(line)
                    writer.flush(within: .seconds(10))
                // More than the pipe takes.
                case .whileTheReaderSleeps: for _ in 0..<200 { writer.write(line) }
                case .withTheQueueFull:
                    for _ in 0..<3_000 { writer.write(line) }
                    #expect(writer.droppedLines > 0)
                case .whileWriting:
                    await withTaskGroup { tasks in
                        for _ in 0..<4 { tasks.addTask { for _ in 0..<10 { writer.write(line) } } }
                        tasks.addTask { writer.close() }
                    }
                }
                writer.close()
                let dropped = writer.droppedLines
                writer.write(line)
                #expect(writer.droppedLines == dropped + 1)
            }
            if step != .afterTheReaderHasGone { try await readUntilGone(ends[0]) { gone == nil } }
            let end = ContinuousClock.now + .seconds(10)
            while gone != nil, ContinuousClock.now < end { try await Task.sleep(for: .milliseconds(1)) }
            #expect(gone == nil)
            if step != .afterTheReaderHasGone { close(ends[0]) }
            close(ends[1])
        }
    }

    @Test("writes what it has taken before it ends, in order")
    func writesAll() async throws {
        let ends = try pipeEnds()
        let writer = LineWriter(descriptor: ends[1])
        for number in 0..<100 { writer.write(Array("\(number)\n".utf8)) }
        writer.close()
        writer.flush(within: .seconds(10))
        close(ends[1])
        var received: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while case let count = read(ends[0], &buffer, buffer.count), count > 0 { received += buffer[..<count] }
        close(ends[0])
        #expect(String(decoding: received, as: UTF8.self) == (0..<100).map { "\($0)\n" }.joined())
    }

    /// Takes what the writer has, until it is gone: at most ten seconds.
    private func readUntilGone(_ descriptor: Int32, _ isGone: () -> Bool) async throws {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let end = ContinuousClock.now + .seconds(10)
        while !isGone(), ContinuousClock.now < end {
            var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            if poll(&entry, 1, 1) > 0 { _ = read(descriptor, &buffer, buffer.count) }
            await Task.yield()
        }
    }
}
