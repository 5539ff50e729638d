import Bytes
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
    private static let queryName = Array("access_token".utf8)

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
        let bytes = value.span
        var index = bytes.first(0x2C)
        while index < bytes.count {
            index &+= 1
            while index < bytes.count, bytes[index] == 0x20 || bytes[index] == 0x09 { index &+= 1 }
            let start = index
            while index < bytes.count, isSchemeByte(bytes[index]) { index &+= 1 }
            if index > start, index < bytes.count, bytes[index] == 0x20 { return true }
            while index < bytes.count, bytes[index] != 0x2C { index &+= 1 }
        }
        return false
    }

    /// Whether a byte may stand in a scheme's name; what ends a token or a JSON text may not.
    private static func isSchemeByte(_ byte: UInt8) -> Bool {
        byte > 0x20 && byte != 0x22 && byte != 0x2C && byte != 0x3A && byte != 0x7B
    }

    /// Whether a parameter of that name is in the query, whatever its value and however its name is encoded.
    private static func hasTokenInQuery(_ request: Request) -> Bool {
        guard let range = request.head.queryRange else { return false }
        let bytes = request.head.bytes.span
        var index = range.lowerBound
        while index < range.upperBound {
            var matched = 0
            while index < range.upperBound, bytes[index] != 0x26, bytes[index] != 0x3D {
                var byte = bytes[index]
                // The target's grammar has been checked: two digits follow (RFC 3986 §2.1).
                if byte == 0x25, index + 2 < range.upperBound, let high = Hex.value(bytes[index + 1]),
                    let low = Hex.value(bytes[index + 2])
                {
                    byte = high << 4 | low
                    index &+= 2
                }
                matched = matched >= 0 && matched < queryName.count && queryName[matched] == byte ? matched + 1 : -1
                index &+= 1
            }
            if matched == queryName.count { return true }
            while index < range.upperBound, bytes[index] != 0x26 { index &+= 1 }
            index &+= 1
        }
        return false
    }
}
