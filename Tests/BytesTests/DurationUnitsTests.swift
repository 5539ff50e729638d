import Bytes
import Testing

@Suite("A duration in units")
struct DurationUnitsTests {
    @Test(
        "is rounded towards zero, or up where a wait must not be too short",
        arguments: [
            (.zero, 0, 0, 0), (.nanoseconds(1), 1, 0, 1), (.microseconds(1_500), 1_500_000, 1, 2),
            (.milliseconds(2), 2_000_000, 2, 2), (.seconds(1), 1_000_000_000, 1_000, 1_000),
            (.nanoseconds(-1), -1, 0, 0), (.milliseconds(-2), -2_000_000, -2, 0),
        ] as [(Duration, Int64, Int, UInt64)])
    func rounding(_ duration: Duration, _ nanoseconds: Int64, _ milliseconds: Int, _ up: UInt64) {
        #expect(duration.nanoseconds == nanoseconds)
        #expect(duration.milliseconds == milliseconds)
        #expect(duration.millisecondsUp == up)
    }

    @Test("beyond 64 bits becomes the longest", arguments: [Duration.seconds(Int64.max), .seconds(10_000_000_000)])
    func longest(_ duration: Duration) {
        #expect(duration.nanoseconds == .max)
        #expect((.zero - duration).nanoseconds == .min)
        #expect(duration.millisecondsUp == 9_223_372_036_855)
        #expect((.zero - duration).millisecondsUp == 0)
    }

    @Test("has milliseconds for longer than nanoseconds")
    func longMilliseconds() {
        #expect(Duration.seconds(384_304_202_280).milliseconds == 384_304_202_280_000)
        #expect(Duration.seconds(Int64.max).milliseconds == .max)
        #expect(Duration.seconds(Int64.min).milliseconds == .min)
    }

    @Test("has a fraction in seconds", arguments: [(Duration.milliseconds(1_500), 1.5), (.milliseconds(-250), -0.25)])
    func seconds(_ duration: Duration, _ seconds: Double) { #expect(abs(duration.inSeconds - seconds) < 1e-12) }
}
