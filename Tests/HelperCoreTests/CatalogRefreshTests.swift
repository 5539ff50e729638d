import HelperCore
import Synchronization
import Telemetry
import Testing

@Suite("Catalogue refresh")
struct CatalogRefreshTests {
    /// The pauses of the first refreshes of a catalogue that cannot be loaded.
    private func pauses(retryAfter: Duration?, interval: Duration) async -> [Duration] {
        let manager = FakeAPIManager()
        manager.state.withLock {
            $0.isDown = true
            $0.retryAfter = retryAfter
        }
        let store = CatalogStore(manager: manager, logger: Logger(label: "catalog", handler: SwiftLogNoOpLogHandler()))
        let seen = Mutex<[Duration]>([])
        await store.run(interval: interval) { pause in
            seen.withLock {
                $0.append(pause)
                return $0.count < 4
            }
        }
        return seen.withLock { $0 }
    }

    @Test("Backs off to five seconds by itself")
    func backsOff() async {
        let pauses = await pauses(retryAfter: nil, interval: .seconds(60))
        #expect(pauses == [.milliseconds(200), .milliseconds(400), .milliseconds(800), .milliseconds(1_600)])
    }

    @Test("Waits as long as 3scale asks, at most an hour", arguments: [(120, 120), (86_400, 3_600)])
    func waitsAsAsked(seconds: Int, expected: Int) async {
        let pauses = await pauses(retryAfter: .seconds(seconds), interval: .seconds(60))
        #expect(pauses == Array(repeating: .seconds(expected), count: 4))
    }
}
