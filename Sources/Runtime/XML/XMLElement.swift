/// An element of an XML document and what stands in it; attributes are not kept.
package struct XMLElement: Sendable, Equatable {
    package let name: String
    /// The text directly within it, with its references replaced, in one piece.
    package internal(set) var text = ""
    package internal(set) var children: [XMLElement] = []

    init(_ name: String) { self.name = name }

    /// Reads a document; nil where the bytes are none, have a document type, or go beyond the limits.
    package init?(parsing bytes: [UInt8], limits: XMLLimits = .standard) {
        guard let root = ExpatParser(limits).root(of: bytes) else { return nil }
        self = root
    }

    /// The first child of a name.
    package subscript(name: String) -> XMLElement? { children.first { $0.name == name } }
}

/// What a reader takes before it gives up.
package struct XMLLimits: Sendable, Equatable {
    /// Elements inside one another; 1 allows the outermost alone.
    package var maxDepth: Int
    /// Elements in the whole document.
    package var maxElements: Int

    package init(maxDepth: Int, maxElements: Int) {
        self.maxDepth = maxDepth
        self.maxElements = maxElements
    }

    package static let standard = XMLLimits(maxDepth: 32, maxElements: 10_000)
}
