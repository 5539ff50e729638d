import EventLoop
import Glibc
import Synchronization
import Testing

@Suite("The watchdog")
struct WatchdogTests {
    @Test("finds a loop that stands still, says what it had begun, and says when it moves again")
    func blockedLoop() async throws {
        let group = EventLoopGroup(count: 2)
        let reports = Mutex<[String]>([])
        let watchdog = LoopWatchdog(group: group, threshold: .milliseconds(50), interval: .milliseconds(5)) { report in
            reports.withLock { reports in
                switch report {
                case .blocked(let loop, _, let name): reports.append("blocked \(loop) \(name)")
                case .recovered(let loop, _, let name): reports.append("moves \(loop) \(name)")
                }
            }
        }
        let loop = group.loops[1]
        loop.execute {
            loop.note(LoopActivity("/slow"))
            // What must never be done on a loop.
            while !reports.withLock({ $0.contains("blocked 1 /slow") }) { usleep(1_000) }
        }
        while !reports.withLock({ $0.contains("moves 1 /slow") }) { try await Task.sleep(for: .milliseconds(5)) }
        watchdog.stop()
        watchdog.stop()
        group.shutdown()
        let ofTheBlocked = reports.withLock { $0 }.filter { $0.contains(" 1 /slow") }
        // On a busy machine the loop may be held up again.
        #expect(ofTheBlocked.starts(with: ["blocked 1 /slow", "moves 1 /slow"]))
    }

    @Test("an activity is known by its name")
    func activities() {
        #expect(LoopActivity("/a") == LoopActivity("/a") && LoopActivity("/a") != LoopActivity("/b"))
        #expect(LoopActivity("/a").name == "/a")
    }
}
