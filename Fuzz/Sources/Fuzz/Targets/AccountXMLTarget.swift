import JSON

@testable import ThreeScale

/// An account in 3scale's XML form. What is read and written anew is read as the same, a document cut short is not read, and
/// only the members that are asked for are kept.
enum AccountXMLTarget: FuzzTarget {
    static let name = "account-xml"

    static func run(_ input: UnsafeBufferPointer<UInt8>) {
        let bytes = Array(input)
        guard let value = AccountXML.value(of: bytes) else { return }
        guard case .object(let document) = value, case .object(let account)? = document["account"],
            case .array(let users)? = account["users"]
        else { return require(false, "\(value) is no account") }
        require(
            account.members.allSatisfy { ["id", "state", "created_at", "users"].contains($0.name) },
            "\(account) has a member more")
        let written = write(account, users)
        require(
            AccountXML.value(of: written) == value, "\(String(decoding: written, as: UTF8.self)) is read as another")
        if let last = bytes.lastIndex(of: UInt8(ascii: ">")) {
            require(AccountXML.value(of: Array(bytes[..<last])) == nil, "it is whole without its last byte too")
        }
    }

    private static func write(_ account: JSONObject, _ users: [JSONValue]) -> [UInt8] {
        var text = "<?xml version=\"1.0\"?><account>"
        for (name, value) in account.members where name != "users" { text += element(name, value) }
        text += "<users>"
        for case .object(let user) in users {
            guard case .object(let members)? = user["user"] else { continue }
            text += "<user kind='a \"/>'>"
            for (name, value) in members.members { text += element(name, value) }
            text += "</user>"
        }
        return Array((text + "</users></account>").utf8)
    }

    private static func element(_ name: String, _ value: JSONValue) -> String {
        if let number = value.int { return "<\(name)>\(number)</\(name)>" }
        var text = value.string ?? ""
        for (character, reference) in [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\r", "&#13;")] {
            text = text.split(separator: character, omittingEmptySubsequences: false).joined(separator: reference)
        }
        return "<\(name)>\(text)</\(name)>"
    }
}
