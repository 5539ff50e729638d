import Bytes
import Testing

@Suite("A number that came from outside")
struct ForeignNumberTests {
    @Test(
        "is read from decimal digits alone",
        arguments: [
            ("0", 0), ("-0", 0), ("42", 42), ("-42", -42), ("007", 7), ("9223372036854775807", Int.max),
            ("-9223372036854775808", Int.min),
        ])
    func read(_ text: String, _ expected: Int) { #expect(ForeignNumber(text)?.within(.min ... .max) == expected) }

    @Test("is nothing else", arguments: ["", "-", "+1", "--1", "1.5", "1e3", "0x1F", " 1", "1 ", "١", "1\n", "NaN"])
    func refused(_ text: String) { #expect(ForeignNumber(text) == nil) }

    @Test("becomes the last one when it is beyond 64 bits")
    func beyond() throws {
        let large = try #require(ForeignNumber(String(repeating: "9", count: 400)))
        let small = try #require(ForeignNumber("-9223372036854775809"))
        #expect(large.within(0...Int.max - 1) == nil && large.clamped(to: 0...3_600) == 3_600)
        #expect(small.within(Int.min + 1...0) == nil && small.clamped(to: 0...3_600) == 0)
    }

    @Test("is rounded from a number with a fraction without a trap")
    func rounding() {
        #expect(ForeignNumber(rounding: 2.5)?.within(0...9) == 3)
        #expect(ForeignNumber(rounding: .greatestFiniteMagnitude)?.clamped(to: 0...9) == 9)
        #expect(ForeignNumber(rounding: -.infinity)?.clamped(to: 0...9) == 0)
        #expect(ForeignNumber(rounding: .nan) == nil)
    }
}
