import Bytes
import Configuration
import EventLoop

/// What may be held for clients, in bytes.
extension Settings {
    static let memoryRange = 8 * mebibyte...64 * 1_024 * mebibyte
    private static let mebibyte = 1_024 * 1_024

    static func memory(_ reader: inout ConfigReader) -> Int {
        let expected = "a number with KiB, MiB or GiB, from 8MiB to 64GiB"
        let text = reader.string(
            forKey: "SERVER_MEMORY", expected: expected, example: "64MiB",
            help: """
                What may be held for all clients together: heads, bodies, answers not yet taken, and what connections cost. \
                Beyond: those that hold most are refused first. Unset, a quarter of the container's memory limit, \
                at least 24 MiB and at most 256 MiB; 64 MiB without a limit.
                """)
        let standard = defaultMemory(limit: memoryLimit())
        guard let text else { return standard }
        guard let bytes = memorySize(text), memoryRange.contains(bytes) else {
            reader.report("SERVER_MEMORY", "expected \(expected), found '\(text.prefix(60))'")
            return standard
        }
        return bytes
    }

    /// - Parameter limit: what the process may use, in bytes; nil without a limit.
    static func defaultMemory(limit: Int?) -> Int {
        guard let limit else { return 64 * mebibyte }
        return min(max(limit / 4, 24 * mebibyte), 256 * mebibyte)
    }

    /// `64MiB`, `1 GiB`, `65536KiB`; nil for anything else, and for what is no whole number of bytes that fits.
    static func memorySize(_ text: String) -> Int? {
        let units: [(name: String, bytes: Int)] = [("KiB", 1_024), ("MiB", mebibyte), ("GiB", 1_024 * mebibyte)]
        for unit in units where text.lowercased().hasSuffix(unit.name.lowercased()) {
            var number = text.dropLast(unit.name.count)
            while number.last == " " { number.removeLast() }
            return ForeignNumber(number)?.within(0...Int.max / unit.bytes).map { $0 * unit.bytes }
        }
        return nil
    }
}
