import HelperCore
import JSON
import TestSupport
import Testing

@testable import ThreeScale

@Suite("An account in 3scale's XML form")
struct AccountXMLTests {
    /// As a tenant answered it, with fewer plans.
    private static let recorded =
        #"<?xml version="1.0" encoding="UTF-8"?><account><id>11</id><created_at>2026-11-29T02:35:06Z</created_at>"#
        + "<updated_at>2026-11-29T02:35:06Z</updated_at><state>approved</state><annotations></annotations>"
        + "<org_name>Ada</org_name><extra_fields></extra_fields><monthly_billing_enabled>true</monthly_billing_enabled>"
        + #"<plans><plan default="true"><id>5</id><name>Default</name><state>published</state>"#
        + #"<trial_period_days/></plan><plan custom="false" default="true"><id>7</id><name>a > b / c</name></plan></plans>"#
        + "<users><user><id>15</id><created_at>2026-11-29T02:35:06Z</created_at><account_id>11</account_id>"
        + "<state>active</state><role>admin</role><username>ada</username><email>ada@people.example</email>"
        + "<extra_fields><id>99</id></extra_fields></user><user><id>16</id><username>o&apos;b&#233;&amp;&#xe9;</username>"
        + "</user></users></account>"

    private static func value(_ text: String) -> JSONValue? { AccountXML.value(of: Array(text.utf8)) }

    @Test("is read as its JSON form, with its users")
    func recorded() throws {
        let value = try #require(Self.value(Self.recorded))
        #expect(value["account"]?["id"] == 11 && value["account"]?["state"] == "approved")
        #expect(value["account"]?["created_at"] == "2026-11-29T02:35:06Z")
        let account = try ThreeScaleEntities.one(value, "account")
        let users = try ThreeScaleEntities.list(account, "users", "user")
        #expect(users == [["id": 15, "username": "ada"], ["id": 16, "username": "o'bé&é"]])
        #expect(try ThreeScaleEntities.account(account, at: 0).id == 11)
    }

    @Test(
        "is refused where it is something else",
        arguments: [
            "", "<", "<account>", "<account/", "<account></accounts>", "<html><body>502</body></html>", "{}",
            "<account><id>11</id></account><account></account>", "<account><id>eleven</id></account>",
            "<account><id>-1</id></account>", "<account><id>99999999999999999999</id></account>",
            "<!DOCTYPE account [<!ENTITY e \"x\">]><account><id>1</id></account>",
            "<account><state>&e;</state></account>", "<account><state>&#xD800;</state></account>",
            "<account><state>&#1114112;</state></account>", "<account><state>a&b</state></account>",
            "<account><state a=\"</state></account>", "<errors><error>no</error></errors>",
            "<account>" + String(repeating: "<a>", count: 100_000),
        ])
    func refused(_ text: String) { #expect(Self.value(text) == nil) }

    @Test("ends no process, whatever bytes are cut from it or changed in it")
    func mutated() {
        let bytes = Array(Self.recorded.utf8)
        var random = SystemRandomNumberGenerator()
        for cut in bytes.indices { #expect(AccountXML.value(of: Array(bytes[..<cut])) == nil) }
        for _ in 0..<20_000 {
            var changed = bytes
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                changed[Int.random(in: changed.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            _ = AccountXML.value(of: changed)
        }
    }

    @Test("shows no users where it has none")
    func users() throws {
        let empty = try #require(Self.value("<account><id>1</id><state>approved</state></account>"))
        #expect(try ThreeScaleEntities.list(ThreeScaleEntities.one(empty, "account"), "users", "user") == [])
    }
}
