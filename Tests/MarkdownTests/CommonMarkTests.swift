import Markdown
import Testing

@Suite("CommonMark")
struct CommonMarkTests {
    @Test(
        "text of others becomes HTML without active content",
        arguments: [
            ("*a* **b** `c`", "<p><em>a</em> <strong>b</strong> <code>c</code></p>\n"),
            ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n"),
            ("a < b & \"c\"", "<p>a &lt; b &amp; &quot;c&quot;</p>\n"),
            ("<script>alert(1)</script>", "<!-- raw HTML omitted -->\n"),
            ("a <b onclick=\"x\">b</b>", "<p>a <!-- raw HTML omitted -->b<!-- raw HTML omitted --></p>\n"),
            ("[a](https://example.com/x)", "<p><a href=\"https://example.com/x\">a</a></p>\n"),
            ("[a](mailto:ada@example.com)", "<p><a href=\"mailto:ada@example.com\">a</a></p>\n"),
            ("[a](HTTPS://example.com)", "<p><a href=\"HTTPS://example.com\">a</a></p>\n"),
            ("[a](javascript:alert(1))", "<p>a</p>\n"), ("[a](JaVaScRiPt:alert(1))", "<p>a</p>\n"),
            ("[a](data:text/html,x)", "<p>a</p>\n"), ("[a](vbscript:x)", "<p>a</p>\n"),
            ("[a](/logout)", "<p>a</p>\n"), ("[a](//evil.example)", "<p>a</p>\n"),
            ("[a](&#106;avascript:x)", "<p>a</p>\n"), ("<javascript:alert(1)>", "<p>javascript:alert(1)</p>\n"),
            ("[a]\n\n[a]: javascript:x", "<p>a</p>\n"),
            ("[**a** *b*](javascript:x) c", "<p><strong>a</strong> <em>b</em> c</p>\n"),
            ("![a](https://example.com/x.png)", "<p>a</p>\n"),
            ("[![a](b.png)](https://example.com)", "<p><a href=\"https://example.com\">a</a></p>\n"),
            ("[x ![a [b](javascript:y)](z) c](javascript:w)", "<p>[x a b c](javascript:w)</p>\n"),
            (
                "[a](https://example.com/\"onclick=x)",
                "<p><a href=\"https://example.com/%22onclick=x\">a</a></p>\n"
            ),
            ("```\" onclick=x\n<b>\n```", "<pre><code class=\"language-&quot;\">&lt;b&gt;\n</code></pre>\n"), ("", ""),
        ])
    func html(text: String, expected: String) {
        #expect(CommonMark(text).html == expected)
    }

    @Test("headings stand below the page's own")
    func headings() {
        #expect(CommonMark("# a\n\n##### b", headingsBelow: 2).html == "<h3>a</h3>\n<h6>b</h6>\n")
    }

    @Test("a NUL and half a character do no harm")
    func bytes() {
        #expect(CommonMark("a\u{0}b").html == "<p>a\u{FFFD}b</p>\n")
        let long = String(repeating: "a", count: CommonMark.bytesMax - 1) + "é"
        #expect(CommonMark(long).html.hasSuffix("a\u{FFFD}</p>\n"))
    }

    @Test(
        "deep nesting is rendered", arguments: ["> ", "- ", "[", "![", "*a **b", "`", "<", "[a](", "\\", "&#", "1. "])
    func nesting(mark: String) {
        let text = String(repeating: mark, count: CommonMark.bytesMax / mark.utf8.count)
        #expect(CommonMark(text).html.utf8.count < 4 * 1024 * 1024)
    }

    @Test(
        "the plain text is one line, and is cut between words",
        arguments: [
            ("# A *b*\n\nc `d`\ne", "A b c d e"), ("one two three four", "one two…"),
            ("aaaaaaaaaaaaaaaa", "aaaaaaaaaaaa…"),
            ("<b>x</b>", "x"), ("[a](javascript:b)", "a"), ("", ""),
        ])
    func plainText(text: String, expected: String) {
        #expect(CommonMark.plainText(text, lengthMax: 12) == expected)
    }
}
