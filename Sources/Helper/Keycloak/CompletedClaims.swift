import HelperCore
import JSON

/// A token's claims with what its issuer's answer to an introspection adds. What the token says itself stands.
enum CompletedClaims {
    private static let names = [
        "sub", "aud", "azp", "preferred_username", "realm_access", "resource_access",
    ]

    /// - Throws: when the answer speaks of another person.
    static func complete(
        _ claims: JSONValue, by answer: JSONValue, clientID: String
    ) throws(TokenRefusal) -> JSONValue {
        if let subject = claims["sub"], let other = answer["sub"], !isSame(subject, other) {
            throw TokenRefusalReason.subject.refusal(
                hint: "The introspection's answer has another 'sub' than the token.")
        }
        var object = claims.object ?? JSONObject()
        for name in names where object[name] == nil { object[name] = answer[name] }
        // The roles of our own client, where the token has those of others alone.
        if var access = object["resource_access"]?.object, access[clientID] == nil,
            let ours = answer["resource_access"]?[clientID]
        {
            access[clientID] = ours
            object["resource_access"] = .object(access)
        }
        // Whether an address is verified is said of that address.
        if object["email"] == nil {
            object["email"] = answer["email"]
            object["email_verified"] = answer["email_verified"]
        } else if object["email_verified"] == nil, let email = object["email"], let other = answer["email"],
            isSame(email, other)
        {
            object["email_verified"] = answer["email_verified"]
        }
        return .object(object)
    }

    /// Byte for byte.
    private static func isSame(_ left: JSONValue, _ right: JSONValue) -> Bool {
        guard let left = left.string, let right = right.string else { return false }
        return ExactName(left) == ExactName(right)
    }
}
