/// A variable as the code that reads it declares it: one entry of the configuration reference.
package struct ConfigDeclaration: Sendable, Equatable {
    package let key: String
    /// Other names that are read when the key is not set, in that order.
    package let aliases: [String]
    /// The title under which it was read; see `ConfigReader.section(_:)`.
    package let section: String
    /// What it is for, in sentences of Markdown.
    package let help: String
    /// What a value looks like, such as `a whole number from 1 to 10`.
    package let expected: String
    /// The default as one would write it, or in words where it depends on other things; nil for none.
    package let defaultText: String?
    /// A value to show where there is no default.
    package let example: String?
    package let isRequired: Bool
    /// Whether `NAME_FILE` is read too and the value is never shown.
    package let isSecret: Bool
}
