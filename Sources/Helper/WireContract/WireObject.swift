package import JSON

/// Reads the members of one object of an answer. Members that a reader does not know are ignored, so that an older program
/// reads a newer server.
package struct WireObject: Sendable {
    package let object: JSONObject

    /// - Throws: `WireProblem` for anything but an object.
    package init(_ value: JSONValue?, _ name: String) throws(WireProblem) {
        guard let object = value?.object else { throw WireProblem("'\(name)' is not an object") }
        self.object = object
    }

    package func text(_ name: String) throws(WireProblem) -> String {
        guard let text = object[name]?.string else { throw WireProblem("'\(name)' is not a string") }
        return text
    }

    /// Nil where the member is left out, as members without a value are.
    package func optionalText(_ name: String) throws(WireProblem) -> String? {
        guard object[name] != nil else { return nil }
        return try text(name)
    }

    package func flag(_ name: String) throws(WireProblem) -> Bool {
        guard let flag = object[name]?.bool else { throw WireProblem("'\(name)' is not true or false") }
        return flag
    }

    package func number(_ name: String, in range: ClosedRange<Int> = 0...9_007_199_254_740_991) throws(WireProblem)
        -> Int
    {
        guard let number = object[name]?.int(in: range) else {
            throw WireProblem("'\(name)' is not a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    package func optionalNumber(_ name: String) throws(WireProblem) -> Int? {
        guard object[name] != nil else { return nil }
        return try number(name)
    }

    package func list(_ name: String) throws(WireProblem) -> [JSONValue] {
        guard let list = object[name]?.array else { throw WireProblem("'\(name)' is not a list") }
        return list
    }

    package func texts(_ name: String) throws(WireProblem) -> [String] {
        var texts: [String] = []
        for value in try list(name) {
            guard let text = value.string else { throw WireProblem("'\(name)' holds something else than strings") }
            texts.append(text)
        }
        return texts
    }

    package func child(_ name: String) throws(WireProblem) -> WireObject { try WireObject(object[name], name) }

    package func optionalChild(_ name: String) throws(WireProblem) -> WireObject? {
        guard object[name] != nil else { return nil }
        return try child(name)
    }
}

/// Why an answer is not what the contract says. Repeats names of members, never their values.
package struct WireProblem: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }
}
