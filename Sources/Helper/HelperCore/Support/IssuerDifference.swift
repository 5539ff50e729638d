import Bytes

/// How two issuers that look alike differ, in words for an operator. Issuers are compared byte for byte (RFC 8414 §2), and
/// the usual mistakes are a slash, a scheme, a port, letters in another case, a path such as `/auth`, or another realm.
package enum IssuerDifference {
    /// What one issuer has that the other has not; nil when nothing about them is alike or they are equal.
    package static func words(_ received: String, _ accepted: String) -> String? {
        guard received != accepted else { return nil }
        if received == accepted + "/" || accepted == received + "/" { return "differ by a slash at the end" }
        guard let left = Parts(received), let right = Parts(accepted) else { return nil }
        if left.realm == right.realm, left.prefix == right.prefix {
            if left.host == right.host, left.port == right.port { return "differ by the scheme" }
            if left.host.lowercased() == right.host.lowercased(), left.port == right.port {
                return "differ by upper and lower case in the host name"
            }
            if left.host == right.host { return "differ by the port" }
            return "are one realm by another host name"
        }
        guard left.host == right.host else { return nil }
        if left.realm == right.realm {
            return "differ by the path before /realms/ ('\(left.prefix)', '\(right.prefix)')"
        }
        if left.realm.lowercased() == right.realm.lowercased() {
            return "differ by upper and lower case in the realm's name"
        }
        return "name two realms of one Keycloak ('\(left.realm)', '\(right.realm)')"
    }

    /// Whether two issuers are probably one realm that is reached by two names.
    package static func areOneRealm(_ left: String, _ right: String) -> Bool {
        guard let left = Parts(left), let right = Parts(right) else { return false }
        return left.realm == right.realm && left.prefix == right.prefix && left.host != right.host
    }

    /// Whether two issuers are two realms that one Keycloak has.
    package static func areTwoRealms(_ left: String, _ right: String) -> Bool {
        guard left != right + "/", right != left + "/", let left = Parts(left), let right = Parts(right) else {
            return false
        }
        return left.host == right.host && left.prefix == right.prefix
            && left.realm.lowercased() != right.realm.lowercased()
    }

    /// `scheme://host:port` + prefix + `/realms/` + realm.
    private struct Parts {
        let host: String
        let port: Int
        let prefix: Substring
        let realm: Substring

        init?(_ url: String) {
            guard let url = WebURL(url), let realms = url.rest.firstRange(of: "/realms/") else { return nil }
            host = url.host
            port = url.port
            prefix = url.rest[..<realms.lowerBound]
            realm = url.rest[realms.upperBound...]
        }
    }
}
