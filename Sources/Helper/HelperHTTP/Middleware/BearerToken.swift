import HTTP
import HTTPServer
import HelperCore

/// Finds the one bearer token of a request in its `Authorization` field (RFC 6750 §2.1).
enum BearerToken {
    /// What a request shows.
    enum Finding {
        /// The token as received. Nothing of it has been looked at: only one that is refused is searched for a second.
        case token(ArraySlice<UInt8>)
        /// No credential, or one of another scheme.
        case none
        /// A token in the URL, where every log on the way would keep it (RFC 9700 §4.3.2).
        case inQuery
        case several
    }

    private static let scheme = Array("bearer".utf8)
    private static let queryName = "access_token"

    static func find(in request: Request) -> Finding {
        let isInQuery = hasTokenInQuery(request)
        guard let range = request.head.range(of: .authorization) else { return isInQuery ? .inQuery : .none }
        let value = request.head.bytes[range]
        guard !isInQuery, request.head.count(of: .authorization) == 1 else { return .several }
        guard let token = token(in: value) else { return holdsSecond(value) ? .several : .none }
        return .token(token)
    }

    /// What stands behind the scheme, whose name may be in any case (RFC 9110 §11.1); nil for another scheme.
    private static func token(in value: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        var index = value.startIndex
        for byte in scheme {
            guard index < value.endIndex, value[index] | 0x20 == byte else { return nil }
            index += 1
        }
        let end = index
        while index < value.endIndex, value[index] == 0x20 { index += 1 }
        return index > end && index < value.endIndex ? value[index...] : nil
    }

    /// Whether a comma is followed by a scheme and a blank, as where an intermediary has joined two fields. A comma alone
    /// is only a malformed token.
    static func holdsSecond(_ value: ArraySlice<UInt8>) -> Bool {
        value.split(separator: 0x2C).dropFirst().contains { part in
            let text = part.drop { $0 == 0x20 || $0 == 0x09 }
            let scheme = text.prefix { $0 > 0x20 && $0 != 0x22 && $0 != 0x3A && $0 != 0x7B }
            return !scheme.isEmpty && text.dropFirst(scheme.count).first == 0x20
        }
    }

    /// Whether a parameter of that name is in the query, whatever its value and however its name is encoded.
    private static func hasTokenInQuery(_ request: Request) -> Bool {
        guard let range = request.head.queryRange else { return false }
        return request.head.bytes[range].split(separator: 0x26).contains { parameter in
            PercentEncoding.decode(parameter.prefix { $0 != 0x3D }) == queryName
        }
    }
}
