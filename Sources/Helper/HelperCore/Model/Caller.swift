/// Who is calling, as a verified token says. A reference, so that handing it on costs one count whatever it holds.
package final class Caller: Sendable, Equatable {
    /// `iss`: with `subject` the one stable name of a person.
    package let issuer: String
    /// `sub`.
    package let subject: String
    /// `preferred_username`, else `sub`. Companies recycle user names: it names an account, it does not prove ownership.
    package let username: String
    /// Why 3scale cannot hold that name, in words for its owner; nil when it can.
    package let usernameProblem: String?
    package let email: String?
    /// Of the realm and of our own client, those that decide anything here.
    package let roles: Set<ExactName>
    /// Goes into everything we create for this caller.
    package let ownerMark: OwnerMark

    package init(
        issuer: String, subject: String, username: String, email: String?, roles: Set<ExactName> = []
    ) {
        self.issuer = issuer
        self.subject = subject
        self.username = username
        usernameProblem = UserName.problem(username)
        self.email = email
        self.roles = roles
        ownerMark = OwnerMark(issuer: issuer, subject: subject)
    }

    package static func == (left: Caller, right: Caller) -> Bool {
        left.issuer == right.issuer && left.subject == right.subject && left.username == right.username
            && left.email == right.email && left.roles == right.roles
    }
}
