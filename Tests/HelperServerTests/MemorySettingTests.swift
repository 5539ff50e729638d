import Configuration
import Testing

@testable import HelperServer

@Suite("SERVER_MEMORY")
struct MemorySettingTests {
    private static let mebibyte = 1_024 * 1_024

    @Test(
        "is a number with a unit",
        arguments: [
            ("64MiB", 64 * mebibyte), ("64 MiB", 64 * mebibyte), ("65536KiB", 64 * mebibyte),
            ("1gib", 1_024 * mebibyte),
            ("64", nil), ("64MB", nil), ("MiB", nil), ("-1MiB", nil), ("1.5GiB", nil), ("+1MiB", nil), ("٣MiB", nil),
            ("99999999999999999999GiB", nil), ("9223372036854775807KiB", nil), ("", nil),
        ] as [(String, Int?)])
    func size(_ text: String, _ bytes: Int?) { #expect(Settings.memorySize(text) == bytes) }

    @Test(
        "is a quarter of the container's limit, within bounds",
        arguments: [
            (nil, 64 * mebibyte), (64 * mebibyte, 24 * mebibyte), (256 * mebibyte, 64 * mebibyte),
            (512 * mebibyte, 128 * mebibyte), (8_192 * mebibyte, 256 * mebibyte), (Int.max, 256 * mebibyte),
        ] as [(Int?, Int)])
    func standard(_ limit: Int?, _ bytes: Int) { #expect(Settings.defaultMemory(limit: limit) == bytes) }

    @Test("what is none is a problem that names what is expected", arguments: ["64", "1KiB", "100GiB", "lots"])
    func problem(_ text: String) {
        guard case .problems(let problems, _, _) = Settings.read([InMemoryProvider(["SERVER_MEMORY": text])]) else {
            return #expect(Bool(false))
        }
        #expect(problems.contains { $0.key == "SERVER_MEMORY" && $0.message.contains("MiB") })
    }
}
