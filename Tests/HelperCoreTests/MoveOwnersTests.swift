import HelperCore
import Synchronization
import Testing

/// Applications in memory, two to a page; some refuse to be written.
private final class Archive: ApplicationArchive {
    let stored: Mutex<[Application]>
    let refused: Set<Int>
    /// By account; the user has the account's id.
    let usernames: Mutex<[Int: String]>

    init(_ applications: [Application], refused: Set<Int> = [], usernames: [Int: String] = [:]) {
        stored = Mutex(applications)
        self.refused = refused
        self.usernames = Mutex(usernames)
    }

    func users(account: Int) async throws(APIManagerError) -> [ArchivedUser] {
        usernames.withLock { names in names[account].map { [ArchivedUser(id: account, username: $0)] } ?? [] }
    }

    func rename(user: Int, account: Int, to username: String) async throws(APIManagerError) {
        if refused.contains(account) {
            throw .rejected(status: 422, details: [.init(field: "username", issue: "has already been taken")])
        }
        usernames.withLock { $0[account] = username }
    }

    func applications(page: Int) async throws(APIManagerError) -> [Application] {
        Array(stored.withLock { $0 }.dropFirst((page - 1) * 2).prefix(2))
    }

    func describe(
        application: Int, account: Int, description: String
    ) async throws(APIManagerError) -> Application {
        if refused.contains(application) {
            throw .rejected(status: 422, details: [.init(field: "user_key", issue: "has already been taken")])
        }
        let written = FakeAPIManager.application(application, 7, account, description)
        stored.withLock { stored in stored = stored.map { $0.id == application ? written : $0 } }
        return written
    }
}

@Suite("Moving owner marks")
struct MoveOwnersTests {
    private let old = "https://old.example.com/realms/ml"
    private let new = "https://new.example.com/realms/ml"

    private let seal = PauseSeal { [1, 2, 3] }

    private func applications() -> [Application] {
        let ada = OwnerMark(issuer: old, subject: "ada")
        let bob = OwnerMark(issuer: old, subject: "bob")
        let stranger = OwnerMark(issuer: old, subject: "stranger")
        return [
            FakeAPIManager.application(1, 7, 1, "Text [mlaas owner=\(ada) note=x attempt=0f ok]"),
            FakeAPIManager.application(2, 7, 1, "attempt 1 [mlaas owner=\(bob)]"),
            FakeAPIManager.application(3, 7, 2, "API signup"),
            FakeAPIManager.application(4, 7, 2, "[mlaas owner=\(stranger) ok]"),
            FakeAPIManager.application(5, 7, 3, "[mlaas owner=\(ada) ok]"),
        ]
    }

    private func run(_ archive: Archive, isDryRun: Bool) async throws -> MoveOwners.Counts {
        try await MoveOwners(
            archive: archive, from: old, to: new, subjects: ["ada", "bob"], isDryRun: isDryRun, seal: seal,
            now: { 5_000 })(
                report: { _ in })
    }

    @Test("a dry run counts and changes nothing")
    func dryRun() async throws {
        let archive = Archive(applications())
        let counts = try await run(archive, isDryRun: true)
        #expect(counts.text == "3 changed, 0 moved, 1 unmarked, 1 unlisted, 0 failed")
        #expect(archive.stored.withLock { $0 } == applications())
    }

    @Test("marks of listed subjects move, other members and texts stay, and a second run changes nothing")
    func move() async throws {
        let archive = Archive(applications())
        _ = try await run(archive, isDryRun: false)
        let ada = OwnerMark(issuer: new, subject: "ada")
        let descriptions = archive.stored.withLock { $0.map(\.description) }
        #expect(descriptions[0] == "Text [mlaas owner=\(ada) note=x attempt=0f ok]")
        #expect(descriptions[1] == "attempt 1 [mlaas owner=\(OwnerMark(issuer: new, subject: "bob"))]")
        #expect(descriptions[2...3].elementsEqual(applications()[2...3].map(\.description)))
        let again = try await run(archive, isDryRun: false)
        #expect(again.text == "0 changed, 3 moved, 1 unmarked, 1 unlisted, 0 failed")
    }

    @Test("a refused change is counted, and a later run takes it up")
    func resume() async throws {
        let archive = Archive(applications(), refused: [2])
        let counts = try await run(archive, isDryRun: false)
        #expect((counts.changed, counts.failed) == (2, 1))
        let later = Archive(archive.stored.withLock { $0 })
        let again = try await run(later, isDryRun: false)
        #expect((again.changed, again.moved, again.failed) == (1, 2, 0))
    }

    @Test("a pause of the owner's stays one, and one that a person wrote stays none")
    func pauses() async throws {
        let ada = OwnerMark(issuer: old, subject: "ada")
        func paused(_ id: Int, _ value: String) -> Application {
            Application(
                id: id, serviceID: 7, accountID: 1, plan: PlanReference(id: 1, name: "Basic"), state: .suspended,
                description: "[mlaas owner=\(ada) paused=\(value) ok]", credentials: .none, updatedAt: 1_000)
        }
        let archive = Archive([paused(1, seal.text(application: 1, at: 1_000)), paused(2, "1000.0123456789abcdef")])
        _ = try await run(archive, isDryRun: false)
        let pauses = archive.stored.withLock { $0.map { $0.mark?.seal(for: .pause) } }
        #expect(pauses == [seal.text(application: 1, at: 5_000), "1000.0123456789abcdef"])
    }

    @Test("a key that the helper ended stays ended, and one that the operator suspended stays the operator's")
    func ends() async throws {
        let ada = OwnerMark(issuer: old, subject: "ada")
        func suspended(_ id: Int, _ members: String) -> Application {
            Application(
                id: id, serviceID: 7, accountID: 1, plan: PlanReference(id: 1, name: "Basic"), state: .suspended,
                description: "[mlaas owner=\(ada) \(members) ok]", credentials: .none, updatedAt: 1_000)
        }
        let sealed = "ended=\(seal.text(application: 1, at: 990, for: .end))"
        let archive = Archive([suspended(1, "\(sealed) expires=1"), suspended(2, "expires=1")])
        _ = try await run(archive, isDryRun: false)
        let ends = archive.stored.withLock { $0.map { $0.mark?.seal(for: .end) } }
        #expect(ends == [seal.text(application: 1, at: 5_000, for: .end), nil])
    }

    @Test("a user name that holds digits of the mark moves with it, before the mark")
    func userNames() async throws {
        let ada = OwnerMark(issuer: old, subject: "ada")
        let moved = OwnerMark(issuer: new, subject: "ada")
        let before = AccountName.name(for: "zoë", owner: ada)
        let taken = Archive(applications(), refused: [1], usernames: [1: before, 3: before])
        let counts = try await run(taken, isDryRun: false)
        // Account 1 keeps its marks, so that a later run takes it up.
        #expect(counts.text == "2 changed, 0 moved, 1 unmarked, 1 unlisted, 1 failed")
        #expect(taken.usernames.withLock { $0 } == [1: before, 3: AccountName.name(for: "zoë", owner: moved)])
        #expect(taken.stored.withLock { $0[0].owner } == ada)
        let plain = Archive(applications(), usernames: [1: "ada", 3: "grace-0123456789ab"])
        _ = try await run(plain, isDryRun: false)
        #expect(plain.usernames.withLock { $0 } == [1: "ada", 3: "grace-0123456789ab"])
        let dry = Archive(applications(), usernames: [1: before])
        _ = try await run(dry, isDryRun: true)
        #expect(dry.usernames.withLock { $0 } == [1: before])
    }
}

extension MoveOwners.Counts {
    fileprivate var text: String {
        "\(changed) changed, \(moved) moved, \(unmarked) unmarked, \(unlisted) unlisted, \(failed) failed"
    }
}
