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
        all.append(Field(name: name.lowercased(), value: value))
    }

    /// The first value of that name. Setting replaces every value of it; setting nil removes them.
    package subscript(name: String) -> String? {
        get {
            let name = name.lowercased()
            return all.first { $0.name == name }?.value
        }
        set {
            let name = name.lowercased()
            all.removeAll { $0.name == name }
            if let newValue { all.append(Field(name: name, value: newValue)) }
        }
    }

    /// Every value of that name, in order.
    package func values(_ name: String) -> [String] {
        let name = name.lowercased()
        return all.filter { $0.name == name }.map(\.value)
    }
}
