/// Header fields of a message in the order they were added (RFC 9110 §5). Names are kept in lower case.
package struct HTTPFields: Sendable, Equatable {
    package struct Field: Sendable, Equatable {
        /// Lower-case token.
        package let name: String
        package let value: String
    }

    package private(set) var all: [Field] = []

    package init() {}

    /// Fields from name and value pairs; names may be in any case.
    package init(_ pairs: [(String, String)]) {
        for (name, value) in pairs { append(name, value) }
    }

    package mutating func append(_ name: String, _ value: String) {
        all.append(Field(name: Self.lowercased(name), value: value))
    }

    /// The first value of that name. Setting replaces every value of it; setting nil removes them.
    package subscript(name: String) -> String? {
        get {
            let name = Self.lowercased(name)
            return all.first { $0.name == name }?.value
        }
        set {
            let name = Self.lowercased(name)
            all.removeAll { $0.name == name }
            if let newValue { all.append(Field(name: name, value: newValue)) }
        }
    }

    /// Every value of that name, in order.
    package func values(_ name: String) -> [String] {
        let name = Self.lowercased(name)
        return all.filter { $0.name == name }.map(\.value)
    }

    /// Our own names are in lower case already, and a copy of a long one would be an allocation for each field.
    private static func lowercased(_ name: String) -> String {
        let isLowercase = name.utf8.allSatisfy { $0 < 0x80 && !(0x41...0x5A).contains($0) }
        return isLowercase ? name : name.lowercased()
    }
}
