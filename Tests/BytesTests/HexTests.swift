import Bytes
import Testing

@Suite("Hexadecimal digits")
struct HexTests {
    @Test("give every byte back")
    func roundTrip() {
        let bytes = Array(UInt8.min...UInt8.max)
        let text = Hex.encode(bytes)
        #expect(text.hasPrefix("000102030405060708090a0b0c0d0e0f10") && text.hasSuffix("fdfeff"))
        #expect(Hex.decode(text.utf8) == bytes)
    }

    @Test("are read in either case one by one", arguments: UInt8.min...UInt8.max)
    func value(_ byte: UInt8) {
        #expect(Hex.value(byte).map(Int.init) == Character(Unicode.Scalar(byte)).hexDigitValue)
    }

    @Test("that were not written here are refused", arguments: ["0", "0g", "0A", "A0", "é", "0 "])
    func refused(_ text: String) { #expect(Hex.decode(text.utf8) == nil) }

    @Test(
        "write sixteen for a number",
        arguments: [(0, "0000000000000000"), (0x0123_4567_89AB_CDEF, "0123456789abcdef"), (.max, "ffffffffffffffff")]
            as [(UInt64, String)])
    func numbers(_ number: UInt64, _ text: String) {
        #expect(Hex.digits(number) == text)
        #expect(Hex.number(text.utf8) == number)
        var appended: [UInt8] = []
        appended.append(addingCapacity: 16) { span in Hex.append(number, to: &span) }
        #expect(String(decoding: appended, as: UTF8.self) == text)
    }
}
