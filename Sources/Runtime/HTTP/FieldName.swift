/// A field name in lower case, ready to be compared with the names of a received head (RFC 9110 §5.1).
package struct FieldName: Sendable, Hashable, ExpressibleByStringLiteral {
    package let bytes: [UInt8]

    package init(stringLiteral value: String) { bytes = Array(value.lowercased().utf8) }

    package static let accept: FieldName = "accept"
    package static let authorization: FieldName = "authorization"
    package static let connection: FieldName = "connection"
    package static let contentLength: FieldName = "content-length"
    package static let contentType: FieldName = "content-type"
    package static let expect: FieldName = "expect"
    package static let host: FieldName = "host"
    package static let origin: FieldName = "origin"
    package static let transferEncoding: FieldName = "transfer-encoding"
    package static let xRequestID: FieldName = "x-request-id"
}
