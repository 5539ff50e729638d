import Bytes
import Markdown

/// HTML that cannot hold unescaped text. Markup comes from literals in our source alone; an interpolated text is escaped,
/// and an interpolated `HTML` is taken as it is.
///
/// Text may stand in the content of elements and in quoted attribute values. It must not stand in a script, a style or an
/// attribute that holds a URL, where escaping does not make it harmless.
struct HTML: ExpressibleByStringInterpolation, Sendable, Equatable {
    /// The markup.
    let markup: String

    struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var markup = ""

        init(literalCapacity: Int, interpolationCount: Int) { markup.reserveCapacity(literalCapacity) }

        mutating func appendLiteral(_ literal: String) { markup += literal }
        mutating func appendInterpolation(_ text: String) { markup += Markup.escape(text) }
        mutating func appendInterpolation(_ html: HTML) { markup += html.markup }

        /// One after the other, a line each.
        mutating func appendInterpolation(_ parts: [HTML]) {
            markup += parts.map(\.markup).joined(separator: "\n")
        }
    }

    /// For literals alone: what a program calls by name would not be escaped.
    init(stringLiteral markup: String) { self.markup = markup }

    init(stringInterpolation: StringInterpolation) { markup = stringInterpolation.markup }
}

extension HTML {
    /// CommonMark text that others wrote, rendered without active content.
    init(_ text: CommonMark) { markup = text.html }

    /// The markup when there is a value, else nothing.
    static func with<Value>(_ value: Value?, _ markup: (Value) -> HTML) -> HTML { value.map(markup) ?? "" }
}
