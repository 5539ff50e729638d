extension Span<UInt8> {
    /// Appends a copy of these bytes in one move, which the standard library cannot do yet for a span.
    package func append(to array: inout [UInt8]) {
        unsafe withUnsafeBufferPointer { bytes in unsafe array.append(contentsOf: bytes) }
    }
}
