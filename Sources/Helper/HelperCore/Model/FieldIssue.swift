/// One thing that is wrong with one member, parameter or field.
package struct FieldIssue: Sendable, Hashable {
    package let field: String
    /// Follows the field's name in a sentence: `is too short`.
    package let issue: String

    package init(field: String, issue: String) {
        self.field = field
        self.issue = issue
    }
}
