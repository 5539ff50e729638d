import Bytes
import EventLoop
import HelperCore
import Telemetry

/// Tells the operator when a loop stands still: a line when it begins, one when it ends, and a counter. Everything else on
/// that loop waits meanwhile, so that anything but zero is a defect or a machine out of breath.
struct LoopWatch: Sendable {
    private let watchdog: LoopWatchdog

    init(group: EventLoopGroup, factory: any MetricsFactory, logger: Logger) {
        let blocked = Counter(label: "mlaas_event_loop_blocked_total", factory: factory)
        watchdog = LoopWatchdog(group: group) { report in
            switch report {
            case .blocked(let loop, let duration, let route):
                blocked.increment()
                logger.error("an event loop stands still", metadata: Self.metadata(loop, duration, route))
            case .recovered(let loop, let duration, let route):
                logger.warning("an event loop moves again", metadata: Self.metadata(loop, duration, route))
            }
        }
    }

    func stop() { watchdog.stop() }

    private static func metadata(_ loop: Int, _ duration: Duration, _ route: String) -> Logger.Metadata {
        [
            "loop": .integer(loop), LogKey.duration: .integer(duration.milliseconds),
            LogKey.route: .string(route.isEmpty ? "none" : route),
        ]
    }
}
