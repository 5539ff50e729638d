import Bytes
import Testing

@Suite("Many bytes at once")
struct SpanBytesTests {
    /// Lengths on both sides of every block that is looked at together.
    private static let lengths = Array(0...80) + [127, 128, 129, 1_000]

    @Test("finds the first control wherever it stands, and none where there is none")
    func firstControl() {
        for length in Self.lengths {
            let clean = [UInt8](repeating: 0x80, count: length)
            #expect(clean.span.firstControl == length)
            for position in 0..<length {
                var bytes = clean
                bytes[position] = 0x1F
                bytes[length - 1] = min(bytes[length - 1], 0x7F)
                #expect(bytes.span.firstControl == position, "\(position) of \(length)")
            }
        }
    }

    @Test("takes for controls the 33 that are, and no other byte", arguments: [1, 16, 64])
    func everyByte(_ length: Int) {
        for byte in UInt8.min...UInt8.max {
            let bytes = [UInt8](repeating: byte, count: length)
            #expect((bytes.span.firstControl == 0) == (byte < 0x20 || byte == 0x7F), "\(byte)")
        }
    }

    @Test("tells bytes apart that differ in one bit")
    func same() {
        for length in Self.lengths {
            let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            #expect(bytes.holdsSame(as: bytes[...]))
            #expect(!bytes.holdsSame(as: (bytes + [0])[...]))
            for position in 0..<length {
                var other = bytes
                other[position] ^= 1 << UInt8(position % 8)
                #expect(!bytes.holdsSame(as: other[...]), "\(position) of \(length)")
            }
        }
    }
}
