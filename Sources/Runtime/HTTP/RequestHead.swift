/// The head of a well-formed request. Its bytes are one array, so that copying a head retains and does nothing else.
package struct RequestHead: Sendable {
    /// Where one field stands in `bytes`.
    package struct FieldSlot: Sendable, Equatable {
        package var name: Range<Int>
        package var value: Range<Int>

        package init(name: Range<Int>, value: Range<Int>) {
            self.name = name
            self.value = value
        }
    }

    package enum Version: Sendable, Equatable { case http10, http11 }

    package var method: HTTPMethod
    package var version: Version
    /// The head as received, except that field names are in lower case.
    package var bytes: [UInt8]
    package var pathRange: Range<Int>
    /// What follows the first `?` of the target.
    package var queryRange: Range<Int>?
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

    /// The path as received, percent-encoding untouched; starts with `/`, or is `*`.
    package var path: String { String(decoding: bytes[pathRange], as: UTF8.self) }

    /// The query as received, without the `?`.
    package var query: String? { queryRange.map { String(decoding: bytes[$0], as: UTF8.self) } }

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

    /// How many fields have that name.
    package func count(of name: FieldName) -> Int {
        var count = 0
        for slot in fields where matches(slot.name, name) { count += 1 }
        return count
    }

    private func matches(_ range: Range<Int>, _ name: FieldName) -> Bool {
        guard range.count == name.bytes.count else { return false }
        var index = range.lowerBound
        for byte in name.bytes {
            if bytes[index] != byte { return false }
            index += 1
        }
        return true
    }
}
