import Bytes
import Testing

@Suite("A date and time in UTC")
struct CivilTimeTests {
    @Test(
        "is the same as the count of seconds, across leap days, centuries and the end of 32 bits",
        arguments: [
            (0, "1970-01-01", "00:00:00", 4), (951_782_399, "2000-02-28", "23:59:59", 1),
            (951_868_799, "2000-02-29", "23:59:59", 2), (1_772_442_903, "2026-03-02", "09:15:03", 1),
            (2_147_483_648, "2038-01-19", "03:14:08", 2), (4_107_542_400, "2100-03-01", "00:00:00", 1),
            (253_402_300_799, "9999-12-31", "23:59:59", 5), (-1, "1969-12-31", "23:59:59", 3),
        ])
    func roundTrip(_ seconds: Int, _ date: String, _ time: String, _ weekday: Int) {
        let civil = CivilTime(seconds)
        #expect(civil.date == date)
        #expect(civil.time == time)
        #expect(civil.weekday == weekday)
        #expect(
            CivilTime.seconds(
                year: civil.year, month: civil.month, day: civil.day, hour: civil.hour, minute: civil.minute,
                second: civil.second) == seconds)
    }

    @Test("that the calendar does not have is a later one")
    func carry() {
        #expect(CivilTime.seconds(year: 2026, month: 2, day: 31) == CivilTime.seconds(year: 2026, month: 3, day: 3))
        #expect(
            CivilTime.seconds(year: 2026, month: 1, day: 1, minute: 59, second: 60)
                == CivilTime.seconds(year: 2026, month: 1, day: 1, hour: 1))
    }
}
