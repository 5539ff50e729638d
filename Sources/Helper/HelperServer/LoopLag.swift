import EventLoop
import Telemetry

/// How late a loop's timers are: the time by which everything else on that loop waits, too.
struct LoopLag: Sendable {
    private static let interval = Duration.milliseconds(250)

    private let lag: Telemetry.Timer

    init(factory: any MetricsFactory) {
        lag = Timer(label: "mlaas_event_loop_lag_seconds", factory: factory)
    }

    /// Measures until the task is cancelled or the loop stops.
    func run(on loop: EventLoop) async {
        while true {
            let due = ContinuousClock.now + Self.interval
            do throws(CancellationError) { try await loop.sleep(for: Self.interval) } catch { return }
            lag.record(duration: due.duration(to: .now))
        }
    }
}
