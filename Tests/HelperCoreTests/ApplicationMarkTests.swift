import HelperCore
import Testing

private let owner = OwnerMark(issuer: "i", subject: "s")

@Suite("The mark in a description")
struct ApplicationMarkTests {
    private func read(_ members: String) -> ApplicationMark? {
        ApplicationMark(readingFrom: "Text [mlaas owner=\(owner) \(members)]")
    }

    @Test("members are read in any order, and unknown ones are kept")
    func order() throws {
        let text = "Note [mlaas paused=5.0f gen=3 x=y ok grace=60 key=ci-2 owner=\(owner) live=7 expires=9]"
        let mark = try #require(ApplicationMark(readingFrom: text))
        #expect(mark.owner == owner && mark.isConfirmed && !mark.isProvisional)
        #expect(mark.name.description == "ci-2" && mark.generation == 3 && mark.seal(for: .pause) == "5.0f")
        #expect((mark.expiresAt, mark.graceSeconds, mark.liveSince) == (9, 60, 7) && mark.note == "Note")
        #expect(mark.description == text)
    }

    @Test("marks of earlier versions are the first generation of the key named default")
    func earlier() throws {
        for text in [
            "attempt 0f [mlaas owner=\(owner)]", "Requested through MLaaS Helper [mlaas owner=\(owner) attempt=0f ok]",
        ] {
            let mark = try #require(ApplicationMark(readingFrom: text))
            #expect(mark.name == .standard && mark.generation == 1 && mark.note == nil && mark.expiresAt == nil)
            #expect(mark.description == text)
        }
        let new = ApplicationMark(owner: owner, attempt: "0f").confirmed
        #expect(new.description == "Requested through MLaaS Helper [mlaas owner=\(owner) attempt=0f ok]")
    }

    @Test(
        "a value that cannot be read counts as absent",
        arguments: ["key=", "key=Ci", "key=9a", "gen=0", "gen=-1", "gen=x", "gen=99999999999999999999", "expires=soon"])
    func unreadable(_ member: String) throws {
        let mark = try #require(read(member))
        #expect(mark.name == .standard && mark.generation == 1 && mark.expiresAt == nil)
        #expect(mark.confirmed.description.hasSuffix("\(member) ok]"))
    }

    @Test("two owners are no mark")
    func twoOwners() { #expect(read("owner=\(owner)") == nil) }

    @Test("a change rewrites its member where it stands and nothing else")
    func changes() throws {
        let mark = try #require(read("expires=1 x=y expires=2 paused=1.a ok"))
        #expect(mark.expiring(at: 5).description == "Text [mlaas owner=\(owner) expires=5 x=y paused=1.a ok]")
        #expect(mark.expiring(at: nil).description == "Text [mlaas owner=\(owner) x=y paused=1.a ok]")
        #expect(mark.sealed(nil, for: .pause).description == "Text [mlaas owner=\(owner) expires=1 x=y expires=2 ok]")
        #expect(mark.live(since: 3).liveSince == 3 && mark.noted("New [text]").note == "New [text]")
        let noted = try #require(ApplicationMark(readingFrom: mark.noted("New [text]").description))
        #expect(noted.note == "New [text]" && noted.noted(nil).note == nil && noted.expiresAt == 1)
        let other = OwnerMark(issuer: "i", subject: "t")
        #expect(mark.moved(to: other).owner == other && mark.moved(to: other).isConfirmed)
    }

    @Test("a new mark names what differs from the default")
    func new() throws {
        let name = try #require(KeyName("ci"))
        let mark = ApplicationMark(
            owner: owner, attempt: "0f", name: name, generation: 2, expiresAt: 9, graceSeconds: 60, note: "For CI")
        #expect(mark.description == "For CI [mlaas owner=\(owner) attempt=0f key=ci gen=2 expires=9 grace=60]")
        #expect(ApplicationMark(readingFrom: mark.description) == mark && mark.isProvisional)
    }

    @Test("a note may begin as the text of an earlier version did")
    func noteLikeAnOldForm() {
        let mark = ApplicationMark(owner: owner, attempt: "0f", note: "attempt 2 of the demo")
        #expect(ApplicationMark(readingFrom: mark.description)?.note == "attempt 2 of the demo")
        #expect(ApplicationMark(readingFrom: "attempt 0f [mlaas owner=\(owner)]")?.note == nil)
    }

    @Test("a name is 1 to 40 of a-z, 0-9 and -, starting with a letter")
    func names() {
        for text in ["a", "default", "ci-2", String(repeating: "a", count: 40)] { #expect(KeyName(text) != nil) }
        for text in ["", "1a", "-a", "A", "a_b", "a b", "ä", String(repeating: "a", count: 41)] {
            #expect(KeyName(text) == nil)
        }
    }

    @Test("each name and generation has an application id of its own; the first of default has the one it always had")
    func ids() throws {
        let name = try #require(KeyName("ci"))
        #expect(owner.applicationID(service: 7) == owner.applicationID(service: 7, name: .standard, generation: 1))
        let ids = [
            owner.applicationID(service: 7), owner.applicationID(service: 7, generation: 2),
            owner.applicationID(service: 7, name: name), owner.applicationID(service: 7, name: name, generation: 2),
            owner.applicationID(service: 8, name: name), owner.applicationID(service: 7, account: 1),
            owner.applicationID(service: 7, account: 1, name: name),
        ]
        #expect(Set(ids).count == ids.count)
    }

    @Test("the current generation of default is chosen: live before pending before suspended, then the newest")
    func choice() throws {
        func choose(_ members: [(String, Application.State)]) -> Int? {
            let applications = members.enumerated().map { index, member in
                FakeAPIManager.application(index + 1, 7, 1, "[mlaas owner=\(owner) \(member.0)]", member.1)
            }
            return ApplicationChoice(applications, owner: owner).application(on: 7)?.id
        }
        #expect(choose([("ok", .live), ("gen=2 ok", .live)]) == 2)
        #expect(choose([("ok", .live), ("gen=2 ok", .pending)]) == 1)
        #expect(choose([("ok", .live), ("gen=2 attempt=0f", .live)]) == 1)
        #expect(choose([("gen=3 ok", .suspended), ("gen=2 ok", .live), ("ok", .live)]) == 2)
        #expect(choose([("key=ci ok", .live)]) == nil)
        #expect(choose([("key=ci ok", .live), ("ok", .suspended)]) == 2)
        let name = try #require(KeyName("ci"))
        let applications = [
            FakeAPIManager.application(1, 7, 1, "[mlaas owner=\(owner) key=ci ok]"),
            FakeAPIManager.application(2, 7, 1, "[mlaas owner=\(owner) ok]"),
            FakeAPIManager.application(3, 7, 1, "made in the portal"),
        ]
        let choice = ApplicationChoice(applications, owner: owner, name: name)
        #expect(choice.application(on: 7)?.id == 1 && choice.unmarked(on: 7) == nil)
    }
}
