import CBytes

/// What is done to many bytes at once. Each is a loop that the C compiler turns into vector instructions, which it cannot
/// do with the bounds checks of Swift's own loops; the bounds are those of the span.
extension Span<UInt8> {
    /// Appends a copy of these bytes in one move, which the standard library cannot do yet for a span.
    package func append(to array: inout [UInt8]) {
        unsafe withUnsafeBufferPointer { bytes in unsafe array.append(contentsOf: bytes) }
    }

    /// The index of the first control (RFC 5234: CTL), tabs and line ends among them; `count` when there is none.
    package var firstControl: Int {
        unsafe withUnsafeBufferPointer { bytes in
            guard let start = bytes.baseAddress else { return 0 }
            return unsafe cbytes_first_control(start, bytes.count)
        }
    }
}

extension [UInt8] {
    /// Whether both hold the same bytes. How long that takes tells nothing but their count, so secrets may be compared.
    package func holdsSame(as other: ArraySlice<UInt8>) -> Bool {
        guard count == other.count else { return false }
        return unsafe withUnsafeBufferPointer { left in
            unsafe other.withUnsafeBufferPointer { right in
                guard let leftStart = left.baseAddress, let rightStart = right.baseAddress else { return true }
                return unsafe cbytes_equal(leftStart, rightStart, left.count)
            }
        }
    }
}
