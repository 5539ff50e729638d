import Bytes
import Testing

@Suite("Text in markup")
struct MarkupTests {
    @Test(
        "is escaped, whatever follows a sign",
        arguments: [
            ("a < b & c > d", "a &lt; b &amp; c &gt; d"), ("<\u{301}script>", "&lt;\u{301}script&gt;"),
            (#""it's""#, "&quot;it&#39;s&quot;"), ("zoë 😀", "zoë 😀"), ("", ""),
        ])
    func escapes(_ text: String, _ escaped: String) { #expect(Markup.escape(text) == escaped) }

    @Test("keeps its quotation marks where it is no attribute")
    func quotes() { #expect(Markup.escape(#""<'&"#, quotes: false) == #""&lt;'&amp;"#) }
}
