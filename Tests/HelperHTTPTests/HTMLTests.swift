import HTTP
import Testing

@testable import HelperHTTP

@Suite("HTML")
struct HTMLTests {
    @Test(
        "text is escaped where it is put in",
        arguments: [
            ("<script>", "<p title=\"&lt;script&gt;\">&lt;script&gt;</p>"),
            ("a & b", "<p title=\"a &amp; b\">a &amp; b</p>"),
            ("\" onclick=\"x", "<p title=\"&quot; onclick=&quot;x\">&quot; onclick=&quot;x</p>"),
            ("it's", "<p title=\"it&#39;s\">it&#39;s</p>"), ("日本", "<p title=\"日本\">日本</p>"),
            ("&amp;", "<p title=\"&amp;amp;\">&amp;amp;</p>"),
            ("<\u{301}b", "<p title=\"&lt;\u{301}b\">&lt;\u{301}b</p>"),
        ])
    func text(text: String, expected: String) {
        let html: HTML = "<p title=\"\(text)\">\(text)</p>"
        #expect(html.markup == expected)
    }

    @Test("markup is taken as it is, once")
    func markup() {
        let inner: HTML = "<b>\("<")</b>"
        let outer: HTML = "<p>\(inner)</p>"
        #expect(outer.markup == "<p><b>&lt;</b></p>")
    }

    @Test("several parts stand on a line each")
    func parts() {
        let rows: [HTML] = ["<li>", "<li>"]
        let list: HTML = "<ul>\(rows)</ul>"
        #expect(list.markup == "<ul><li>\n<li></ul>")
    }

    @Test("a page escapes its title and needs no inline script or style")
    func page() {
        let page = PageLayout(title: "A < B", folder: "docs", styles: ["a.css"], scripts: ["a.js"]).page("<p>x</p>")
        #expect(page.markup.contains("<title>A &lt; B</title>"))
        #expect(page.markup.contains("<link rel=\"stylesheet\" href=\"docs/a.css\">"))
        #expect(page.markup.contains("<script src=\"docs/a.js\"></script>"))
        #expect(!page.markup.contains("style="))
    }

    @Test("the plain documentation page lists every operation, escaped")
    func documentation() {
        let operation = APIDocument.Operation(
            method: .get, template: "/a/{<id>}", summary: "Ada & \"Bob\"", needsToken: true)
        let page = DocumentationPage.plain([operation]).markup
        #expect(page.contains("<code>/a/{&lt;id&gt;}</code>"))
        #expect(page.contains("<td>Ada &amp; &quot;Bob&quot;</td>"))
    }
}
