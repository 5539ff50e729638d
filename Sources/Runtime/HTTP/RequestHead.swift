/// The head of a well-formed request. Its bytes are one array, so that copying it retains and nothing else.
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

    package var path: String { String(decoding: bytes[pathRange], as: UTF8.self) }
    package var query: String? { queryRange.map { String(decoding: bytes[$0], as: UTF8.self) } }

    /// The range of the first field of that lower-case name; no allocation.
    package func range(of name: StaticString) -> Range<Int>? {
        for slot in fields where matches(slot.name, name) { return slot.value }
        return nil
    }

    /// The first value of that lower-case name.
    package func value(of name: StaticString) -> String? {
        range(of: name).map { String(decoding: bytes[$0], as: UTF8.self) }
    }

    /// Every value of that lower-case name, in order.
    package func values(of name: StaticString) -> [String] {
        fields.filter { matches($0.name, name) }.map { String(decoding: bytes[$0.value], as: UTF8.self) }
    }

    /// How many fields have that lower-case name.
    package func count(of name: StaticString) -> Int {
        var count = 0
        for slot in fields where matches(slot.name, name) { count += 1 }
        return count
    }

    private func matches(_ range: Range<Int>, _ name: StaticString) -> Bool {
        guard range.count == name.utf8CodeUnitCount else { return false }
        return name.description.utf8.elementsEqual(bytes[range])
    }
}
