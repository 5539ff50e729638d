/// What moving owner marks needs of 3scale.
package protocol ApplicationArchive: Sendable {
    /// The applications of the whole tenant, one page at a time, from 1; empty after the last.
    func applications(page: Int) async throws(APIManagerError) -> [Application]

    /// Writes the description and nothing else.
    func describe(
        application: Int, account: Int, description: String
    ) async throws(APIManagerError) -> Application

    /// The users of an account. Empty where the tenant does not show them.
    func users(account: Int) async throws(APIManagerError) -> [ArchivedUser]

    /// Gives a user another name.
    func rename(user: Int, account: Int, to username: String) async throws(APIManagerError)
}

/// A user of an account.
package struct ArchivedUser: Sendable, Equatable {
    package let id: Int
    package let username: String

    package init(id: Int, username: String) {
        self.id = id
        self.username = username
    }
}

/// Rewrites the owner marks of a realm that has another identity issuer now, and the user names that hold digits of such a mark.
///
/// A mark is a hash of issuer and subject, so the subjects must be listed. A run that was interrupted is run again: what has the new
/// mark already is skipped.
package struct MoveOwners: Sendable {
    package struct Counts: Sendable, Equatable {
        /// Applications whose mark was rewritten, or would be in a dry run.
        package var changed = 0
        /// Applications that have the new mark already.
        package var moved = 0
        /// Applications without a mark.
        package var unmarked = 0
        /// Applications with a mark of no subject in the list.
        package var unlisted = 0
        /// Applications that 3scale did not change.
        package var failed = 0

        package init() {}
    }

    /// An account and an owner of applications on it.
    private struct Holding: Hashable {
        let account: Int
        let owner: OwnerMark
    }

    private let archive: any ApplicationArchive
    private let owners: [OwnerMark: OwnerMark]
    private let arrivals: Set<OwnerMark>
    private let isDryRun: Bool
    private let seal: PauseSeal
    private let now: @Sendable () -> Int

    /// - Parameters:
    ///   - issuer: the identity issuer that the marks were made with.
    ///   - newIssuer: the one that they get.
    ///   - subjects: the `sub` of everybody in the realm.
    ///   - seal: as the serving helper has it.
    ///   - now: seconds since 1970.
    package init(
        archive: any ApplicationArchive, from issuer: String, to newIssuer: String, subjects: [String], isDryRun: Bool,
        seal: PauseSeal, now: @escaping @Sendable () -> Int
    ) {
        self.archive = archive
        self.isDryRun = isDryRun
        self.seal = seal
        self.now = now
        owners = Dictionary(
            subjects.map {
                (OwnerMark(issuer: issuer, subject: $0), OwnerMark(issuer: newIssuer, subject: $0))
            }, uniquingKeysWith: { first, _ in first })
        arrivals = Set(owners.values)
    }

    /// - Parameter report: gets a line for each application that is changed or could not be.
    /// - Throws: when the applications cannot be read; what was changed stays changed.
    package func callAsFunction(report: (String) -> Void) async throws(APIManagerError) -> Counts {
        var counts = Counts()
        // Read to the end before anything is written, so that no page shifts.
        var applications: [Application] = []
        var page = 1
        while true {
            let next = try await archive.applications(page: page)
            if next.isEmpty { break }
            applications += next
            page += 1
        }
        var renamed: Set<Holding> = []
        for application in applications {
            guard let mark = application.mark else {
                counts.unmarked += 1
                continue
            }
            if let owner = owners[mark.owner] {
                await move(application, mark, to: owner, &counts, &renamed, report)
            } else if arrivals.contains(mark.owner) {
                counts.moved += 1
            } else {
                counts.unlisted += 1
            }
        }
        return counts
    }

    private func move(
        _ application: Application, _ former: ApplicationMark, to owner: OwnerMark, _ counts: inout Counts,
        _ renamed: inout Set<Holding>, _ report: (String) -> Void
    ) async {
        let name = "application \(application.id) of account \(application.accountID)"
        var mark = former.moved(to: owner)
        // A seal counts for as long as the application is not changed after it, and this changes it.
        let purpose =
            application.state == .suspended
            ? [PauseSeal.Purpose.end, .pause].first { seal.vouches(for: application, $0) } : nil
        if let purpose { mark = seal.sealed(mark, application: application.id, at: now(), for: purpose) }
        // Users first: a mark that has moved is not looked at again after an interruption.
        let holding = Holding(account: application.accountID, owner: owner)
        do throws(APIManagerError) {
            if !renamed.contains(holding) {
                try await renameUsers(of: application.accountID, from: former.owner, to: owner, report)
                renamed.insert(holding)
            }
        } catch {
            counts.failed += 1
            report(
                "could not change \(name): its account's user could not be renamed: \(error.cause)"
            )
            return
        }
        if isDryRun {
            counts.changed += 1
            report("would change \(name)")
            return
        }
        do throws(APIManagerError) {
            let written = try await archive.describe(
                application: application.id, account: application.accountID, description: mark.description)
            guard written.owner == mark.owner else {
                counts.failed += 1
                report("3scale did not return the new mark of \(name)")
                return
            }
            if let purpose, !seal.vouches(for: written, purpose), let time = written.updatedAt {
                // Our clock is another than 3scale's.
                _ = try await archive.describe(
                    application: application.id, account: application.accountID,
                    description: seal.sealed(mark, application: application.id, at: time, for: purpose).description)
            }
            counts.changed += 1
            report("changed \(name)")
        } catch {
            counts.failed += 1
            report("could not change \(name): \(error.cause)")
        }
    }

    /// A user name that 3scale did not take holds digits of the owner's mark: with another mark the helper looks for another name.
    private func renameUsers(
        of account: Int, from owner: OwnerMark, to newOwner: OwnerMark, _ report: (String) -> Void
    ) async throws(APIManagerError) {
        for user in try await archive.users(account: account) {
            guard let name = AccountName.moved(user.username, from: owner, to: newOwner) else { continue }
            if !isDryRun { try await archive.rename(user: user.id, account: account, to: name) }
            report("\(isDryRun ? "would rename" : "renamed") user \(user.username) of account \(account) to \(name)")
        }
    }
}
