import HTTP
import HTTPCorpus
import Testing

@Suite("The request machine, by its corpus")
struct CorpusTests {
    static let cases = CorpusCase.all()
    /// Longer inputs are cut at every byte once, and in two at some places only.
    private static let shortBytesMax = 2048

    @Test("reads each case as its section says", arguments: cases)
    func whole(_ entry: CorpusCase) throws {
        for (value, bytes, expected) in try entry.inputs() {
            let outcome = MachineRun([bytes]).outcome(naming: expected)
            #expect(outcome == expected, "\(name(of: value))")
        }
    }

    @Test("says the same wherever the bytes are split", arguments: cases)
    func split(_ entry: CorpusCase) throws {
        let inputs = try entry.inputs()
        let positions = Self.positions(inputs.map(\.bytes))
        for (value, bytes, expected) in inputs {
            let whole = MachineRun([bytes]).withoutContinue
            let single = MachineRun(bytes.map { [$0] })
            #expect(single.withoutContinue == whole, "\(name(of: value)), each byte alone")
            #expect(!expected.continues || single.events.contains(.continueExpected))
            for position in positions {
                let run = MachineRun([Array(bytes[..<position]), Array(bytes[position...])])
                guard run.withoutContinue != whole else { continue }
                Issue.record("\(name(of: value)), split at \(position): \(run)")
            }
        }
    }

    /// Where to cut in two: everywhere, or around the byte that varies.
    private static func positions(_ inputs: [[UInt8]]) -> [Int] {
        let count = inputs[0].count
        guard inputs.count > 1 else {
            let step = count <= shortBytesMax ? 1 : count / 13
            return Array(stride(from: step, to: count, by: step))
        }
        let varying = zip(inputs[0], inputs[1]).prefix { $0 == $1 }.count
        return (varying - 1...varying + 2).filter { $0 > 0 && $0 < count }
    }

    private func name(of value: UInt8?) -> String { value.map { "byte 0x" + String($0, radix: 16) } ?? "whole" }
}
