import HelperCore
import Synchronization
import Testing

@testable import HelperHTTP

@Suite("Sessions of the portal")
struct PortalSessionTests {
    static let caller = Caller(
        issuer: "https://sso.example.com/realms/mlaas", subject: "c1f6", username: "zoë", email: "zoe@example.com",
        isEmailVerified: true, roles: [ExactName("ml-users"), ExactName("ml users")])
    static let session = PortalSession(
        caller: caller, id: "id", login: "sid", issuedAt: 1_000, expiresAt: 1_900, signedInAt: 900)

    @Test("are the same after their cookie")
    func coding() {
        #expect(PortalSession(Self.session.encoded()) == Self.session)
        let bare = PortalSession(
            caller: Caller(issuer: "i", subject: "s", username: "n", email: nil), id: "x", login: nil, issuedAt: 0,
            expiresAt: 1, signedInAt: 0)
        #expect(PortalSession(bare.encoded()) == bare)
        #expect(PortalSession(Array("{}".utf8)) == nil)
    }

    @Test("take their own form token, and no other")
    func csrf() {
        let token = Self.session.csrfToken
        let other = PortalSession(
            caller: Self.caller, id: "id2", login: nil, issuedAt: 0, expiresAt: 1, signedInAt: 0)
        #expect(Self.session.accepts(csrfToken: token))
        for wrong in ["", "id", other.csrfToken, String(token.dropLast()), token + "A"] {
            #expect(!Self.session.accepts(csrfToken: wrong))
        }
    }

    @Test("end by themselves, by their login and by their owner, for what was made until then")
    func ends() {
        for mark in Self.session.marks {
            let ended = EndedSessions(lifetime: 900)
            ended.end(mark, now: 999)
            #expect(!ended.hasEnded(Self.session))
            ended.end(mark, now: 1_000)
            #expect(ended.hasEnded(Self.session))
            ended.end(PortalSession.mark(session: "other"), now: 1_901)
            #expect(!ended.hasEnded(Self.session), "its cookie has expired")
        }
        let ended = EndedSessions(lifetime: 900)
        ended.end(PortalSession.mark(login: "sid", issuer: "https://other.example"), now: 2_000)
        #expect(!ended.hasEnded(Self.session))
    }

    @Test("that ended are bounded, and an end that comes again is not forgotten with its first")
    func bound() {
        let ended = EndedSessions(lifetime: 900, marksMax: 100)
        let mark = PortalSession.mark(session: "id")
        for number in 0..<5_000 {
            if number % 50 == 0 { ended.end(mark, now: 1_000 + number / 10) }
            ended.end(PortalSession.mark(session: "other \(number)"), now: 1_000 + number / 10)
        }
        #expect(ended.hasEnded(Self.session))
        #expect(!ended.hasEnded(PortalSession.mark(session: "other 0"), madeAt: 0))
        #expect(ended.hasEnded(PortalSession.mark(session: "other 4999"), madeAt: 0))
    }
}

@Suite("Paths to return to")
struct ReturnPathTests {
    @Test("are our own", arguments: ["/", "/keys", "/keys/7?a=%2F%2Fb&c=/", "/services/a%20b", "/loginx"])
    func own(_ path: String) { #expect(ReturnPath(path)?.description == path) }

    @Test(
        "are no other site's, and none that would start a sign-in or an end again",
        arguments: [
            "", "keys", "//evil", "/\\evil", "\\\\evil", "/a\\b", "https://evil", "/\t/evil", "/\n/evil", "/a b", "/é",
            "/#a", "/login", "/login?return=/", "/callback?code=1", "/logout", "/backchannel-logout", "/login/x",
        ])
    func foreign(_ path: String) { #expect(ReturnPath(path) == nil) }
}

@Suite("Forms and queries")
struct FormValuesTests {
    @Test("are read as browsers write them")
    func values() {
        let form = FormValues("a=1&b=x+y%2B%C3%A9&c=&d&e%3D=2".utf8)
        #expect(form?["a"] == "1" && form?["b"] == "x y+é" && form?["c"] == nil && form?["d"] == nil)
        #expect(form?["e="] == "2")
    }

    @Test("are refused with a name twice or without UTF-8", arguments: ["a=1&a=2", "a=%FF", "a=%4", "%zz=1"])
    func refused(_ text: String) { #expect(FormValues(text.utf8) == nil) }
}
