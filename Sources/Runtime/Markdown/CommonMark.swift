import CCMark

/// CommonMark text that others wrote, as HTML without active content. Parsing and rendering are libcmark's.
///
/// Raw HTML is left out. A link stays where it leads to `https`, `http` or `mailto`; of any other link its text stays. An image
/// becomes its text, since a page of ours loads nothing from elsewhere.
package struct CommonMark: Sendable, Equatable {
    /// Bytes of a text that are read; the rest is left out. Bounds the time of nested input.
    package static let bytesMax = 16 * 1024

    /// HTML that may stand in any element with flow content.
    package let html: String

    /// - Parameter headingsBelow: the level of the heading above the text: its own first level is one more.
    package init(_ text: String, headingsBelow level: Int = 0) {
        html = CommonMarkDocument(text).html(headingsBelow: level)
    }

    /// The text without its marks, in one line of at most `lengthMax` characters; a cut one ends in an ellipsis.
    package static func plainText(_ text: String, lengthMax: Int) -> String {
        let words = CommonMarkDocument(text).text().split { $0.isWhitespace }.joined(separator: " ")
        guard words.count > lengthMax else { return words }
        let cut = words.prefix(lengthMax)
        let whole = cut.lastIndex(of: " ").map { cut[..<$0] } ?? cut
        return whole + "…"
    }
}

/// A parsed document of libcmark. Used on one thread; frees its tree.
@safe private final class CommonMarkDocument {
    private let root: OpaquePointer

    init(_ text: String) {
        let bytes = Array(text.utf8.prefix(CommonMark.bytesMax))
        let parsed = unsafe bytes.withUnsafeBufferPointer { buffer in
            unsafe buffer.withMemoryRebound(to: CChar.self) { characters in
                unsafe cmark_parse_document(characters.baseAddress, characters.count, CMARK_OPT_VALIDATE_UTF8)
            }
        }
        guard let parsed = unsafe parsed else { preconditionFailure("cmark_parse_document: out of memory") }
        unsafe root = parsed
    }

    deinit { unsafe cmark_node_free(root) }

    func html(headingsBelow level: Int) -> String {
        unwrap(CMARK_NODE_IMAGE) { _ in false }
        unwrap(CMARK_NODE_LINK) { Self.isSafe($0) }
        unsafe visit(CMARK_NODE_HEADING) { node in
            let shifted = min(6, unsafe Int(cmark_node_get_heading_level(node)) + max(0, level))
            unsafe _ = cmark_node_set_heading_level(node, Int32(shifted))
        }
        // Without CMARK_OPT_UNSAFE raw HTML is left out.
        guard let rendered = unsafe cmark_render_html(root, CMARK_OPT_DEFAULT) else {
            preconditionFailure("cmark_render_html: out of memory")
        }
        defer { unsafe free(rendered) }
        return unsafe String(cString: rendered)
    }

    /// The text of all leaves; a space between blocks and lines.
    func text() -> String {
        var text = ""
        unsafe walk { node in
            switch unsafe cmark_node_get_type(node) {
            case CMARK_NODE_TEXT, CMARK_NODE_CODE, CMARK_NODE_CODE_BLOCK:
                if let literal = unsafe cmark_node_get_literal(node) { text += unsafe String(cString: literal) }
            case CMARK_NODE_SOFTBREAK, CMARK_NODE_LINEBREAK, CMARK_NODE_PARAGRAPH, CMARK_NODE_HEADING,
                CMARK_NODE_ITEM:
                text += " "
            default: break
            }
        }
        return text
    }

    // MARK: The tree

    /// Replaces nodes of a type by their content, except those whose URL `keeps` accepts.
    private func unwrap(_ type: cmark_node_type, keeps: (String) -> Bool) {
        unsafe visit(type) { node in
            let url = unsafe cmark_node_get_url(node).map { unsafe String(cString: $0) } ?? ""
            guard !keeps(url) else { return }
            while let child = unsafe cmark_node_first_child(node) {
                guard unsafe cmark_node_insert_before(node, child) == 1 else { break }
            }
            unsafe cmark_node_free(node)
        }
    }

    private static func isSafe(_ url: String) -> Bool {
        let start = url.prefix(8).lowercased()
        return ["https://", "http://", "mailto:"].contains { start.hasPrefix($0) }
    }

    /// Calls `body` with each node of a type, innermost first, after the walk: it may free the node.
    private func visit(_ type: cmark_node_type, _ body: (OpaquePointer) -> Void) {
        var found: [OpaquePointer] = unsafe []
        unsafe walk { node in
            if unsafe cmark_node_get_type(node) == type { unsafe found.append(node) }
        }
        while let node = unsafe found.popLast() { unsafe body(node) }
    }

    /// Calls `body` with each node, parents first.
    private func walk(_ body: (OpaquePointer) -> Void) {
        guard let iterator = unsafe cmark_iter_new(root) else { preconditionFailure("cmark_iter_new: out of memory") }
        defer { unsafe cmark_iter_free(iterator) }
        while true {
            let event = unsafe cmark_iter_next(iterator)
            if event == CMARK_EVENT_DONE { return }
            if event == CMARK_EVENT_ENTER, let node = unsafe cmark_iter_get_node(iterator) { unsafe body(node) }
        }
    }
}
