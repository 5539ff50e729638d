/// Who is calling, as a verified token says. A reference, so that handing it on costs one count whatever it holds.
package final class Caller: Sendable, Equatable {
    /// The identity issuer: the name that the realm is known by for ever, whatever host name the token's `iss` holds. With
    /// `subject` the one stable name of a person.
    package let issuer: String
    /// `sub`.
    package let subject: String
    /// `preferred_username`, else `sub`: what answers call `soeid`. Companies recycle user names: this does not prove
    /// ownership.
    package let username: String
    /// The name of the caller's user in 3scale: `username` where 3scale takes it, else one made of it (`AccountName`).
    package let accountName: String
    /// The address as the token has it, to be shown to the caller alone. It is not verified.
    package let email: String?
    /// Whether the issuer has verified `email`.
    package let isEmailVerified: Bool
    /// Of the realm and of our own client, those that decide anything here.
    package let roles: Set<ExactName>
    /// Goes into everything we create for this caller.
    package let ownerMark: OwnerMark

    package init(
        issuer: String, subject: String, username: String, email: String?, isEmailVerified: Bool = false,
        roles: Set<ExactName> = []
    ) {
        self.issuer = issuer
        self.subject = subject
        self.username = username
        self.email = email
        self.isEmailVerified = isEmailVerified
        self.roles = roles
        ownerMark = OwnerMark(issuer: issuer, subject: subject)
        accountName = AccountName.name(for: username, owner: ownerMark)
    }

    /// The name of the caller's organisation in 3scale.
    package var organization: String { AccountName.organization(for: username, owner: ownerMark) }

    /// The address that may be sent to 3scale, where it can pass for the person's name.
    package var verifiedEmail: String? { isEmailVerified ? email : nil }

    package static func == (left: Caller, right: Caller) -> Bool {
        left.issuer == right.issuer && left.subject == right.subject && left.username == right.username
            && left.email == right.email && left.isEmailVerified == right.isEmailVerified && left.roles == right.roles
    }
}
