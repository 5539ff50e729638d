import HTTP
import HTTPCorpus

/// A request target with its query. An accepted one holds only bytes of a URI, no fragment, and whole escapes; its path
/// decodes or is told not to be text.
enum RequestTargetTarget: FuzzTarget {
    static let name = "request-target"

    static func run(_ input: UnsafeBufferPointer<UInt8>) {
        let (choice, rest) = input.steered
        let line = Array((choice & 1 == 0 ? "GET " : "OPTIONS ").utf8) + Array(rest)
        let run = MachineRun([line + Array(" HTTP/1.1\r\nHost: a\r\n\r\n".utf8)])
        guard run.refusal == nil, let request = run.requests.first else { return }
        let target = Array(request.target.utf8)
        require(target.first == 0x2F || target == [0x2A], "accepted \(request.target)")
        require(target.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x23 }, "accepted \(request.target)")
        for (index, byte) in target.enumerated() where byte == 0x25 {
            let digits = target[(index + 1)...].prefix(2)
            require(digits.count == 2 && digits.allSatisfy(isHexDigit), "accepted \(request.target)")
        }
        let path = target.prefix { $0 != 0x3F }
        if let decoded = PercentEncoding.decode(path) {
            require(decoded.utf8.count <= path.count, "decoding has made \(request.target) longer")
        }
    }

    private static func isHexDigit(_ byte: UInt8) -> Bool { Character(Unicode.Scalar(byte)).isHexDigit }
}
