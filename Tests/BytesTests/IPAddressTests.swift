import Bytes
import Testing

@Suite("An IP address")
struct IPAddressTests {
    @Test(
        "reads the forms of RFC 4291 and no others",
        arguments: [
            ("192.0.2.1", "192.0.2.1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("::", "::"), ("::1", "::1"), ("1::", "1::"),
            ("2001:DB8::1", "2001:db8::1"), ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"),
            ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
            ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"), ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"),
            ("0.0.0.0", "0.0.0.0"), ("", nil), ("1.2.3", nil), ("1.2.3.4.5", nil), ("01.2.3.4", nil),
            ("1.2.3.256", nil),
            ("1..2.3", nil), ("1.2.3.", nil), (".1.2.3", nil), ("1.2.3.0000", nil), (":", nil), (":::", nil),
            ("1:::2", nil),
            ("1::2::3", nil), ("1:2:3:4:5:6:7", nil), ("1:2:3:4:5:6:7:8:9", nil), ("1:2:3:4:5:6:7::8:9", nil),
            ("1:2:3:4:5:6:7:8::", nil), ("12345::", nil), ("::1:", nil), (":1::", nil), ("1:2:3:4:5:6:7:1.2.3.4", nil),
            ("::1.2.3.4:5", nil), ("1.2.3.4\u{0}", nil), ("::1\u{0}::2", nil), ("g::", nil), ("::1%eth0", nil),
            ("fe80::1 ", nil),
        ] as [(String, String?)])
    func addresses(_ text: String, _ expected: String?) { #expect(IPAddress(text)?.description == expected) }

    @Test("longer than any form is none", arguments: [45, 46, 47, 5_000])
    func long(_ length: Int) { #expect(IPAddress(String(repeating: "1", count: length)) == nil) }

    @Test(
        "is one of IPv6 by its form",
        arguments: [
            ("::1", true), ("::ffff:192.0.2.1", true), ("2001:db8::", true), ("192.0.2.1", false), ("", false),
            ("::1%eth0", false), ("[::1]", false),
        ])
    func form(_ text: String, _ isIPv6: Bool) { #expect(IPAddress.isIPv6(Array(text.utf8).span) == isIPv6) }

    @Test(
        "counts whole where it is IPv4, and by its first 64 bits where it is IPv6",
        arguments: [
            ("192.0.2.1", "192.0.2.1"), ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8::1", "2001:db8::/64"), ("::1", "::/64"), ("1:0:0:2::3", "1:0:0:2::/64"),
        ])
    func subject(_ text: String, _ subject: String) { #expect(IPAddress(text)?.countedSubject == subject) }
}
