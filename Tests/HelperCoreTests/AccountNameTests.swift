import HelperCore
import Testing

@Suite("Names of 3scale users")
struct AccountNameTests {
    private static let owner = OwnerMark(issuer: "https://sso.example.com/realms/mlaas", subject: "c1f6")
    private static let tail = "-\(owner.description.prefix(12))"

    private func name(_ username: String) -> String { AccountName.name(for: username, owner: Self.owner) }

    @Test(
        "a name that 3scale takes is not changed",
        arguments: [
            "ada", "a.b", "erin.o-neil", "_ada", "7of9", "ada@example.com", "ada+test", "ADA",
            String(repeating: "a", count: 40),
        ])
    func accepted(_ username: String) {
        #expect(AccountName.isAccepted(username))
        #expect(name(username) == username)
    }

    @Test(
        "any other name is folded to ASCII and ends in 12 digits of the owner mark",
        arguments: [
            ("zoë", "zoe"),
            ("CORP\\ada", "CORP-ada"),
            ("Ångström Łódź", "Angstrom--odz"),
            ("straße", "stra-e"),
            ("Nguyễn Văn Ơn", "Nguyen-Van-On"),
            ("ａｄａ", "_--"),
            ("ab", "ab"),
            ("a b", "a-b"),
            ("-ada", "_ada"),
            (".ada", "_ada"),
            (" ada", "_ada"),
            ("李雷", "_-"),
            ("😀", "_"),
            ("\u{301}", "_"),
            ("x", "x"),
            ("\u{212A}elvin", "Kelvin"),
            ("\u{212B}sa", "Asa"),
            ("a\u{7F}b", "a-b"),
            (String(repeating: "a", count: 41), String(repeating: "a", count: 27)),
            (
                "augusta.ada.king.countess.of.lovelace@analytical.engine.example",
                "augusta.ada.king.countess.o"
            ),
        ])
    func folded(_ username: String, _ expected: String) {
        #expect(!AccountName.isAccepted(username))
        #expect(name(username) == expected + Self.tail)
    }

    @Test("a 64-character e-mail address keeps its first 27 characters")
    func longEmail() {
        let email = String(repeating: "a", count: 20) + "@" + String(repeating: "b", count: 39) + ".com"
        #expect(email.utf8.count == 64)
        #expect(name(email) == "\(String(repeating: "a", count: 20))@bbbbbb\(Self.tail)")
        #expect(name(email).utf8.count == 40)
    }

    @Test("names that differ only in accents are two names for two people, and one name for one person")
    func accents() {
        let zoe = OwnerMark(issuer: "i", subject: "1")
        let zoé = OwnerMark(issuer: "i", subject: "2")
        #expect(AccountName.name(for: "zoë", owner: zoe) != AccountName.name(for: "zoé", owner: zoé))
        #expect(AccountName.name(for: "zoë", owner: zoe) != AccountName.name(for: "zoe", owner: zoé))
        #expect(name("zoe\u{308}") == name("zoë"))
    }

    @Test("every name of up to 255 characters gives one that 3scale accepts")
    func alwaysAccepted() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<5_000 {
            var username = String.UnicodeScalarView()
            for _ in 0..<Int.random(in: 1...255, using: &random) {
                let limit: UInt32 = Bool.random(using: &random) ? 0x250 : 0x10FFFF
                if let scalar = Unicode.Scalar(UInt32.random(in: 0x20...limit, using: &random)) {
                    username.append(scalar)
                }
            }
            let made = name(String(username))
            #expect(AccountName.isAccepted(made), "\(String(username))")
        }
    }

    @Test("a caller keeps the real name beside the one for 3scale")
    func caller() {
        let caller = Caller(issuer: "i", subject: "s", username: "zoë", email: nil)
        #expect(caller.username == "zoë")
        #expect(caller.accountName == "zoe-\(caller.ownerMark.description.prefix(12))")
    }

    @Test(
        "the organisation is called by the real name where 3scale takes it, and by what is made of it where it asks for a letter",
        arguments: [
            ("zoë", "zoë"), ("ada", "ada"), ("名a", "名a"), ("7", "7"), ("ß", "_TAIL"), ("日本", "_-TAIL"),
            ("___", "___TAIL"),
        ])
    func organization(_ username: String, _ expected: String) {
        let organization = AccountName.organization(for: username, owner: Self.owner)
        let isMade = expected.hasSuffix("TAIL")
        #expect(organization == (isMade ? String(expected.dropLast(4)) + Self.tail : expected))
        // The person is known by it when the name changes again.
        let name = name(username)
        #expect(
            AccountName.name(for: organization, owner: Self.owner) == name
                || AccountName.organization(for: name, owner: Self.owner) == organization)
    }

    @Test("only an address that the issuer has verified is given to 3scale")
    func verifiedEmail() {
        let typed = Caller(issuer: "i", subject: "s", username: "ada", email: "bob@example.com")
        #expect(typed.email == "bob@example.com" && typed.verifiedEmail == nil)
        let verified = Caller(
            issuer: "i", subject: "s", username: "ada", email: "ada@example.com", isEmailVerified: true)
        #expect(verified.verifiedEmail == "ada@example.com")
    }
}
