import HTTP
package import JSON

/// One way to misbehave, for requests that match.
package struct Fault: Sendable, Equatable {
    package enum Kind: String, Sendable, CaseIterable {
        /// Answers after `delay`.
        case latency
        /// Answers `status` with `body`; nothing is done.
        case status
        /// Does it, then answers `status` with `body`.
        case statusAfterCommit = "status_after_commit"
        /// Closes without an answer; nothing is done.
        case drop
        /// Does it, then closes without an answer.
        case dropAfterCommit = "drop_after_commit"
        /// Answers with nothing in the body.
        case empty
        /// Answers a page of HTML with `status`.
        case html
        /// Cuts the body in half, with the connection.
        case truncate
        /// Answers half of the body as if it were whole.
        case malformed
        /// Sends the answer a few bytes at a time.
        case drip
        /// Answers a redirect to `body`.
        case redirect
    }

    package var kind: Kind
    /// Nil matches every method.
    package var method: String?
    /// A path; `*` stands for any text.
    package var path: String
    package var status: Int
    package var body: String
    /// For `latency`, and between the pieces of `drip`.
    package var delayMilliseconds: Int
    /// How often it is applied before it goes; nil for ever.
    package var remaining: Int?
    /// Of the requests that match, 0...1.
    package var probability: Double

    /// The `Retry-After` of `status` and `statusAfterCommit`, as it is sent.
    package var retryAfter: String?
    /// The same as a date that many seconds ahead of the answer.
    package var retryAfterDateSeconds: Int?

    package init(
        _ kind: Kind, method: String? = nil, path: String = "*", status: Int = 500, body: String = "",
        delayMilliseconds: Int = 100, remaining: Int? = nil, probability: Double = 1
    ) {
        self.kind = kind
        self.method = method
        self.path = path
        self.status = status
        self.body = body
        self.delayMilliseconds = delayMilliseconds
        self.remaining = remaining
        self.probability = probability
    }

    /// Reads the admin API's form; nil for an unknown kind.
    package init?(_ value: JSONValue) {
        guard let kind = value["kind"]?.string.flatMap(Kind.init) else { return nil }
        self.init(
            kind, method: value["method"]?.string, path: value["path"]?.string ?? "*",
            status: value["status"]?.int.flatMap { (100...599).contains($0) ? $0 : nil } ?? 500,
            body: value["body"]?.string ?? "", delayMilliseconds: value["delay_ms"]?.int ?? 100,
            remaining: value["count"]?.int, probability: value["probability"]?.double ?? 1)
        retryAfter = value["retry_after"]?.string ?? value["retry_after"]?.int.map(String.init)
        retryAfterDateSeconds = value["retry_after_date_seconds"]?.int
    }

    package var json: JSONValue {
        var object = JSONObject([
            ("kind", .string(kind.rawValue)), ("path", .string(path)), ("status", .int(status)),
            ("body", .string(body)),
            ("delay_ms", .int(delayMilliseconds)), ("probability", .double(probability)),
        ])
        if let method { object["method"] = .string(method) }
        if let remaining { object["count"] = .int(remaining) }
        if let retryAfter { object["retry_after"] = .string(retryAfter) }
        if let retryAfterDateSeconds { object["retry_after_date_seconds"] = .int(retryAfterDateSeconds) }
        return .object(object)
    }

    /// The value of `Retry-After`; nil sends none.
    func retryAfterText(now: Int) -> String? {
        retryAfterDateSeconds.map { HTTPDate.format(now &+ $0) } ?? retryAfter
    }

    func matches(_ method: String, _ path: String) -> Bool {
        (self.method == nil || self.method == method) && Self.matches(Array(path.utf8)[...], Array(self.path.utf8)[...])
    }

    /// Patterns with `*`, matched without recursion over the text.
    private static func matches(_ text: ArraySlice<UInt8>, _ pattern: ArraySlice<UInt8>) -> Bool {
        var text = text
        var pattern = pattern
        var star: (pattern: ArraySlice<UInt8>, text: ArraySlice<UInt8>)?
        while let byte = text.first {
            if let expected = pattern.first, expected == byte, expected != 0x2A {
                text.removeFirst()
                pattern.removeFirst()
            } else if pattern.first == 0x2A {
                pattern.removeFirst()
                star = (pattern, text)
            } else if var last = star {
                last.text.removeFirst()
                star = last
                (pattern, text) = last
            } else {
                return false
            }
        }
        return pattern.allSatisfy { $0 == 0x2A }
    }
}
