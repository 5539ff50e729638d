/// Text for a POSIX shell, and for curl's configuration files. By Unicode scalars: a quote with a combining mark behind it is one
/// `Character`, which does not equal the quote, while a shell reads bytes.
package enum ShellText {
    /// Returns the text in single quotes, between which nothing is special.
    package static func quoted(_ text: String) -> String {
        "'" + replacing("'", with: #"'\''"#, in: text) + "'"
    }

    /// Returns the text as one word that a shell, and a reader of .env files, takes as it is: plain where nothing is special in
    /// it, else in single quotes.
    package static func word(_ text: String) -> String {
        !text.isEmpty && text.utf8.allSatisfy(isPlain) ? text : quoted(text)
    }

    /// Returns the text as it stands between the double quotes of a value of curl's configuration. Line ends are left as they are.
    package static func escapedForCurl(_ text: String) -> String {
        replacing("\"", with: #"\""#, in: replacing(#"\"#, with: #"\\"#, in: text))
    }

    private static func replacing(_ old: String, with new: String, in text: String) -> String {
        String(text.unicodeScalars.replacing(old.unicodeScalars, with: new.unicodeScalars))
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        case UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "/"), UInt8(ascii: ":"): true
        default: false
        }
    }
}
