import HTTP
import Testing

@Suite("A date of HTTP")
struct HTTPDateTests {
    @Test(
        "is read as it is written",
        arguments: [0, 784_111_777, 951_782_400, 951_868_799, 1_709_164_800, 4_107_542_400, 253_402_300_799])
    func roundTrip(_ seconds: Int) { #expect(HTTPDate.seconds(HTTPDate.format(seconds)) == seconds) }

    @Test("is the example of RFC 9110 §5.6.7")
    func example() { #expect(HTTPDate.seconds("Sun, 06 Nov 1994 08:49:37 GMT") == 784_111_777) }

    @Test(
        "is nothing else",
        arguments: [
            "", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 32 Nov 1994 08:49:37 GMT", "Sun, 06 Now 1994 08:49:37 GMT",
            "Sun, 06 Nov 1969 08:49:37 GMT", "Sun, 06 Nov 1994 08:49 GMT",
            "Sun, 06 Nov 99999999999999999999 08:49:37 GMT",
        ])
    func others(_ text: String) { #expect(HTTPDate.seconds(text) == nil) }

    @Test(
        "a timestamp of RFC 3339 is read in any zone",
        arguments: [
            "2026-03-02T09:15:03Z", "2026-03-02T14:45:03+05:30", "2026-03-01T23:15:03-10:00",
            "2026-03-02T09:15:03-00:00",
        ])
    func timestamp(_ text: String) { #expect(HTTPDate.timestampSeconds(text) == 1_772_442_903) }

    @Test(
        "a timestamp is nothing else",
        arguments: [
            "", "2026-03-02 09:15:03Z", "2026-03-02T09:15:03", "2026-03-02T09:15:03+0530", "2026-03-02T09:15:03+24:00",
            "2026-03-02T09:15:03 05:30", "2026-13-02T09:15:03Z", "2026-03-02T09:15:03+05:60", "-026-03-02T09:15:03Z",
        ])
    func otherTimestamps(_ text: String) { #expect(HTTPDate.timestampSeconds(text) == nil) }
}
