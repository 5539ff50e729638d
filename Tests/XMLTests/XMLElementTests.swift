import Testing
import XML

@Suite("An element of an XML document")
struct XMLElementTests {
    private static func element(_ text: String, limits: XMLLimits = .standard) -> XMLElement? {
        XMLElement(parsing: Array(text.utf8), limits: limits)
    }

    @Test("has its name, its own text in one piece, and its children in their order")
    func tree() throws {
        let root = try #require(Self.element("<?xml version=\"1.0\"?>\n<a>x<b>1</b>y<c d='e'/><b>2</b>z</a>\n"))
        #expect(root.name == "a")
        #expect(root.text == "xyz")
        #expect(root.children.map(\.name) == ["b", "c", "b"])
        #expect(root["b"]?.text == "1")
        #expect(root["c"]?.text == "")
        #expect(root["d"] == nil)
    }

    @Test(
        "has text without references, comments and CDATA marks",
        arguments: [
            ("&amp;&lt;&gt;&quot;&apos;", "&<>\"'"), ("&#233;&#xe9;", "éé"), ("a<!-- b -->c", "ac"),
            ("<![CDATA[<b>&amp;]]>", "<b>&amp;"), ("zoë", "zoë"), ("a\r\nb", "a\nb"),
        ])
    func text(written: String, read: String) { #expect(Self.element("<a>\(written)</a>")?.text == read) }

    @Test("is read in the encoding that the document names")
    func encoding() {
        let bytes = Array("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a>".utf8) + [0xE9] + Array("</a>".utf8)
        #expect(XMLElement(parsing: bytes)?.text == "é")
    }

    @Test(
        "is nil where the text is no document, or has a document type",
        arguments: [
            "", "<", "text", "<a>", "<a/", "<a></b>", "<a></a><b/>", "<a>&e;</a>", "<a>&#xD800;</a>", "<a>&#0;</a>",
            "<a>b & c</a>", "<a b=c/>", "<a b=\"</a>", "<!DOCTYPE a><a/>", "<a>\u{0}</a>",
            "<!DOCTYPE a [<!ENTITY e \"x\">]><a>&e;</a>", "<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>",
        ])
    func refused(_ text: String) { #expect(Self.element(text) == nil) }

    @Test("is nil where its text is no UTF-8")
    func invalid() { #expect(XMLElement(parsing: Array("<a>".utf8) + [0xFF] + Array("</a>".utf8)) == nil) }

    @Test("is nil beyond the limits of depth and number")
    func limits() {
        let limits = XMLLimits(maxDepth: 3, maxElements: 5)
        #expect(Self.element("<a><b><c/></b></a>", limits: limits) != nil)
        #expect(Self.element("<a><b><c><d/></c></b></a>", limits: limits) == nil)
        #expect(Self.element("<a><b/><b/><b/><b/></a>", limits: limits) != nil)
        #expect(Self.element("<a><b/><b/><b/><b/><b/></a>", limits: limits) == nil)
        #expect(Self.element(String(repeating: "<a>", count: 1_000_000)) == nil)
    }
}
