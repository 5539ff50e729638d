import Bytes
import HTTP

/// The name of a request in logs and answers. A generated one is two numbers until its text is needed, so that
/// naming a request allocates nothing.
package struct RequestID: Sendable, Hashable, CustomStringConvertible, ExpressibleByStringLiteral {
    private enum Storage: Sendable, Hashable {
        case generated(UInt64, UInt64)
        case received(String)
    }

    private let storage: Storage

    package init(stringLiteral value: String) { storage = .received(value) }

    /// The caller's own name for the request, if it is 1...128 characters of `[A-Za-z0-9._-]`.
    package init?(received bytes: ArraySlice<UInt8>) {
        guard (1...128).contains(bytes.count), bytes.allSatisfy(Self.isAllowed) else { return nil }
        storage = .received(String(decoding: bytes, as: UTF8.self))
    }

    /// 128 random bits.
    package init(using generator: inout some RandomNumberGenerator) {
        storage = .generated(generator.next(), generator.next())
    }

    /// 32 hexadecimal digits, or what was received.
    package var description: String {
        switch storage {
        case .received(let text): return text
        case .generated:
            var bytes: [UInt8] = []
            append(to: &bytes)
            return String(decoding: bytes, as: UTF8.self)
        }
    }

    package func append(to bytes: inout [UInt8]) { append(to: &bytes, endsLine: false) }

    /// The same with the end of a line behind it.
    func appendLine(to bytes: inout [UInt8]) { append(to: &bytes, endsLine: true) }

    private func append(to bytes: inout [UInt8], endsLine: Bool) {
        switch storage {
        case .received(let text):
            bytes.append(contentsOf: text.utf8)
            if endsLine { bytes.append(contentsOf: Self.lineEnd) }
        case .generated(let high, let low):
            bytes.append(addingCapacity: 34) { span in
                Hex.append(high, to: &span)
                Hex.append(low, to: &span)
                guard endsLine else { return }
                span.append(0x0D)
                span.append(0x0A)
            }
        }
    }

    private static let lineEnd: [UInt8] = [0x0D, 0x0A]

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
        default: false
        }
    }
}
