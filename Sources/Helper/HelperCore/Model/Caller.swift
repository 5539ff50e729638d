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
    package let realmRoles: Set<ExactName>
    /// By client id.
    package let clientRoles: [String: Set<ExactName>]
    /// Goes into everything we create for this caller.
    package let ownerMark: OwnerMark

    package init(
        issuer: String, subject: String, username: String, email: String?, realmRoles: Set<ExactName> = [],
        clientRoles: [String: Set<ExactName>] = [:]
    ) {
        self.issuer = issuer
        self.subject = subject
        self.username = username
        usernameProblem = UserName.problem(username)
        self.email = email
        self.realmRoles = realmRoles
        self.clientRoles = clientRoles
        ownerMark = OwnerMark(issuer: issuer, subject: subject)
    }

    package static func == (left: Caller, right: Caller) -> Bool {
        left.issuer == right.issuer && left.subject == right.subject && left.username == right.username
            && left.email == right.email && left.realmRoles == right.realmRoles
            && left.clientRoles == right.clientRoles
    }
}
