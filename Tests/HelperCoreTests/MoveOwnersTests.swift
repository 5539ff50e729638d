import HelperCore
import Synchronization
import Testing

/// Applications in memory, two to a page; some refuse to be written.
private final class Archive: ApplicationArchive {
    let stored: Mutex<[Application]>
    let refused: Set<Int>

    init(_ applications: [Application], refused: Set<Int> = []) {
        stored = Mutex(applications)
        self.refused = refused
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
        try await MoveOwners(archive: archive, from: old, to: new, subjects: ["ada", "bob"], isDryRun: isDryRun)(
            report: { _ in })
    }

    @Test("a dry run counts and changes nothing")
    func dryRun() async throws {
        let archive = Archive(applications())
        let counts = try await run(archive, isDryRun: true)
        #expect((counts.changed, counts.moved, counts.skipped, counts.failed) == (3, 0, 2, 0))
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
        #expect((again.changed, again.moved, again.skipped, again.failed) == (0, 3, 2, 0))
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
}
