/// Text as it may stand in HTML and XML.
package enum Markup {
    /// Escapes text for the content of elements and, with `quotes`, for quoted attribute values. Scalar by scalar: a
    /// combining character behind a `<` does not hide it.
    package static func escape(_ text: String, quotes: Bool = true) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"" where quotes: escaped += "&quot;"
            case "'" where quotes: escaped += "&#39;"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
