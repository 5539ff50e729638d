import CExpat

/// One document read by libexpat. Used once, on one thread; frees its parser.
@safe final class ExpatParser {
    private let parser: OpaquePointer
    private let limits: XMLLimits
    /// The elements that have begun and not ended, outermost first.
    private var open: [XMLElement] = []
    private var root: XMLElement?
    private var count = 0
    private var isRefused = false

    init(_ limits: XMLLimits) {
        self.limits = limits
        guard let parser = unsafe XML_ParserCreate(nil) else { preconditionFailure("XML_ParserCreate: out of memory") }
        unsafe self.parser = parser
        unsafe XML_SetUserData(parser, Unmanaged.passUnretained(self).toOpaque())
        unsafe XML_SetElementHandler(
            parser, { data, name, _ in unsafe ExpatParser.of(data)?.begin(name) },
            { data, _ in unsafe ExpatParser.of(data)?.end() })
        unsafe XML_SetCharacterDataHandler(parser) { data, text, length in
            unsafe ExpatParser.of(data)?.append(text, Int(length))
        }
        // Without a document type there are no entities but XML's own five.
        unsafe XML_SetStartDoctypeDeclHandler(parser) { data, _, _, _, _ in unsafe ExpatParser.of(data)?.refuse() }
    }

    deinit { unsafe XML_ParserFree(parser) }

    /// The outermost element; nil where the document is refused.
    func root(of bytes: [UInt8]) -> XMLElement? {
        guard let length = Int32(exactly: bytes.count) else { return nil }
        let status = unsafe bytes.withUnsafeBufferPointer { buffer in
            unsafe buffer.withMemoryRebound(to: CChar.self) { characters in
                unsafe XML_Parse(parser, characters.baseAddress, length, Int32(XML_TRUE))
            }
        }
        return status == XML_STATUS_OK && !isRefused ? root : nil
    }

    // MARK: What expat finds

    /// The parser that a handler is called for: `root(of:)` holds it meanwhile.
    private static func of(_ data: UnsafeMutableRawPointer?) -> ExpatParser? {
        unsafe data.map { unsafe Unmanaged<ExpatParser>.fromOpaque($0).takeUnretainedValue() }
    }

    private func begin(_ name: UnsafePointer<XML_Char>?) {
        count += 1
        guard let name = unsafe name, count <= limits.maxElements, open.count < limits.maxDepth else { return refuse() }
        open.append(XMLElement(unsafe String(cString: name)))
    }

    private func end() {
        guard let element = open.popLast() else { return }
        if open.isEmpty { root = element } else { open[open.count - 1].children.append(element) }
    }

    private func append(_ text: UnsafePointer<XML_Char>?, _ length: Int) {
        guard let text = unsafe text, !open.isEmpty else { return }
        let bytes = unsafe UnsafeRawBufferPointer(start: text, count: length)
        open[open.count - 1].text += unsafe String(decoding: bytes, as: UTF8.self)
    }

    /// Expat calls a few handlers more after it was told to stop.
    private func refuse() {
        isRefused = true
        unsafe _ = XML_StopParser(parser, XML_Bool(XML_FALSE))
    }
}
