import CBytes

/// Work on many bytes at once. Each is a loop that the C compiler turns into vector instructions, which it cannot
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

    /// The index of the first byte that equals `wanted`; `count` when there is none.
    package func first(_ wanted: UInt8) -> Int {
        unsafe withUnsafeBufferPointer { bytes in
            guard let start = bytes.baseAddress else { return 0 }
            return unsafe cbytes_first(start, bytes.count, wanted)
        }
    }

    /// The index of the first quotation mark, backslash or byte below 0x20, none of which may stand in the text of a JSON
    /// string (RFC 8259 §7); `count` when there is none.
    package var firstOutsideJSONText: Int {
        unsafe withUnsafeBufferPointer { bytes in
            guard let start = bytes.baseAddress else { return 0 }
            return unsafe cbytes_first_in_json_text(start, bytes.count)
        }
    }

    /// Appends what groups of four characters of base64 stand for, three bytes each (RFC 4648 §4). One to three characters
    /// that are left over at the end are not decoded.
    /// - Parameter values: of each of the 256 characters, more than 63 for one that is none.
    /// - Returns: false when there was such a one; what has been appended means nothing then.
    package func decodeBase64(_ values: [UInt8], to bytes: inout [UInt8]) -> Bool {
        precondition(values.count == 256, "Invalid state: a table of \(values.count) characters")
        var isValid = true
        let length = count / 4 * 3
        unsafe withUnsafeBufferPointer { text in
            guard let start = text.baseAddress, length > 0 else { return }
            bytes.append(addingCapacity: length) { span in
                unsafe span.withUnsafeMutableBufferPointer { buffer, initialized in
                    guard let target = buffer.baseAddress else { return }
                    unsafe values.withUnsafeBufferPointer { table in
                        isValid = unsafe cbytes_decode_base64(
                            start, text.count, table.baseAddress, target + initialized)
                    }
                    initialized += length
                }
            }
        }
        return isValid
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
