/// The head of a well-formed request. Its bytes are one array, so that copying a head retains and does nothing else.
package struct RequestHead: Sendable {
    /// Where one field stands in `bytes`.
    package struct FieldSlot: Sendable, Equatable {
        // A head is far smaller than 4 GiB, and slots are written for every field of every request.
        private let nameStart: UInt32
        private let nameEnd: UInt32
        private let valueStart: UInt32
        private let valueEnd: UInt32

        package init(name: Range<Int>, value: Range<Int>) {
            nameStart = UInt32(truncatingIfNeeded: name.lowerBound)
            nameEnd = UInt32(truncatingIfNeeded: name.upperBound)
            valueStart = UInt32(truncatingIfNeeded: value.lowerBound)
            valueEnd = UInt32(truncatingIfNeeded: value.upperBound)
        }

        package var name: Range<Int> { Int(nameStart)..<Int(nameEnd) }
        package var value: Range<Int> { Int(valueStart)..<Int(valueEnd) }
    }

    package enum Version: Sendable, Equatable { case http10, http11 }

    package var method: HTTPMethod
    package var version: Version
    /// The head as received, except that field names are in lower case.
    package var bytes: [UInt8]
    package var pathRange: Range<Int>
    /// What follows the first `?` of the target.
    package var queryRange: Range<Int>?
    /// The authority of an absolute-form target.
    package var authorityRange: Range<Int>?
    package var fields: [FieldSlot]

    package init(
        method: HTTPMethod, version: Version, bytes: [UInt8], pathRange: Range<Int>, queryRange: Range<Int>?,
        fields: [FieldSlot]
    ) {
        self.method = method
        self.version = version
        self.bytes = bytes
        self.pathRange = pathRange
        self.queryRange = queryRange
        self.fields = fields
    }

    /// Bytes of memory that it holds.
    package var heldBytes: Int { bytes.capacity + fields.capacity * MemoryLayout<FieldSlot>.stride }

    /// The path as received, percent-encoding untouched; starts with `/`, or is `*`.
    package var path: String { String(decoding: bytes[pathRange], as: UTF8.self) }

    /// The query as received, without the `?`.
    package var query: String? { queryRange.map { String(decoding: bytes[$0], as: UTF8.self) } }

    /// The host, and the port where there is one, that the request is for: the authority of an absolute-form target, which
    /// wins over the `Host` field (RFC 9112 §3.2.2).
    package var authority: String? {
        (authorityRange ?? range(of: .host)).map { String(decoding: bytes[$0], as: UTF8.self) }
    }

    /// Where the first value of that name stands in `bytes`; no allocation.
    package func range(of name: FieldName) -> Range<Int>? {
        for slot in fields where matches(slot.name, name) { return slot.value }
        return nil
    }

    /// The first value of that name.
    package func value(of name: FieldName) -> String? {
        range(of: name).map { String(decoding: bytes[$0], as: UTF8.self) }
    }

    /// Every value of that name, in order.
    package func values(of name: FieldName) -> [String] {
        fields.filter { matches($0.name, name) }.map { String(decoding: bytes[$0.value], as: UTF8.self) }
    }

    /// Where every value of that name stands in `bytes`, in order.
    package func ranges(of name: FieldName) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        for slot in fields where matches(slot.name, name) { ranges.append(slot.value) }
        return ranges
    }

    /// How many fields have that name.
    package func count(of name: FieldName) -> Int {
        var count = 0
        for slot in fields where matches(slot.name, name) { count += 1 }
        return count
    }

    /// Brings the names of all fields into lower case; once, before any look-up.
    mutating func lowercaseNames() { Self.lowercase(fields, in: &bytes) }

    private static func lowercase(_ slots: [FieldSlot], in bytes: inout [UInt8]) {
        var span = bytes.mutableSpan
        for slot in slots {
            for index in slot.name { span[index] = ASCII.lowercased(span[index]) }
        }
    }

    private func matches(_ range: Range<Int>, _ name: FieldName) -> Bool {
        bytes.span.equals(range, lowercased: name.bytes)
    }
}
