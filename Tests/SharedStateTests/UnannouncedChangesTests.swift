import HelperCore
import Testing

@testable import SharedState

@Suite("Changes that could not be announced")
struct UnannouncedChangesTests {
    private let marks = (0...UnannouncedChanges.endsMax).map { OwnerMark(issuer: "i", subject: "s\($0)") }

    @Test("every end of a session is kept, and other changes become one")
    func ends() {
        var changes = UnannouncedChanges()
        #expect(changes.take() == [])
        for change in [
            .sessions(marks[0]), .keys(of: marks[1]), .sessions(marks[2]), .sessions(marks[0]), .keys(of: marks[1]),
        ] as [CallerChange] { changes.keep(change) }
        #expect(changes.take() == [.sessions(marks[0]), .sessions(marks[2]), .keys(of: marks[1])])
        #expect(changes.take() == [])
        for change in [.keys(of: marks[1]), .sessions(marks[0]), .keys(of: marks[2])] as [CallerChange] {
            changes.keep(change)
        }
        #expect(changes.take() == [.sessions(marks[0]), .everything])
    }

    @Test("the latest ends are kept where there are too many")
    func bound() {
        var changes = UnannouncedChanges()
        for mark in marks { changes.keep(.sessions(mark)) }
        #expect(changes.take() == marks.dropFirst().map { .sessions($0) })
    }
}
