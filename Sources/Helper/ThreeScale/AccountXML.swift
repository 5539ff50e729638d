import Bytes
import JSON
import XML

/// An account in 3scale's XML form, which shows the account's users where its JSON shows none. Of everything else in it, plans above
/// all, nothing is kept.
enum AccountXML {
    /// The account as 3scale's JSON has it, with its users beside its other members: id, state, times and the users' names.
    /// - Returns: nil where the bytes are no such document.
    static func value(of bytes: [UInt8]) -> JSONValue? {
        guard let account = XMLElement(parsing: bytes), account.name == "account",
            let members = members(of: account, ["id", "state", "created_at"])
        else { return nil }
        var users: [JSONValue] = []
        for user in account["users"]?.children ?? [] where user.name == "user" {
            guard let members = self.members(of: user, ["id", "username"]) else { return nil }
            users.append(["user": .object(JSONObject(members))])
        }
        return ["account": .object(JSONObject(members + [("users", .array(users))]))]
    }

    /// - Returns: nil where an id is no number.
    private static func members(of element: XMLElement, _ names: [String]) -> [(String, JSONValue)]? {
        var members: [(String, JSONValue)] = []
        for name in names {
            guard let text = element[name]?.text else { continue }
            guard name == "id" else {
                members.append((name, .string(text)))
                continue
            }
            guard let number = ForeignNumber.canonical(text) else { return nil }
            members.append((name, .int(number)))
        }
        return members
    }
}
