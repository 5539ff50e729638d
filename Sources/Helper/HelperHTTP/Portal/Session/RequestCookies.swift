import HTTP
import HTTPServer

/// The cookies of a request (RFC 6265 §5.4).
struct RequestCookies {
    private let pairs: [(name: Substring, value: Substring)]

    init(_ request: Request) {
        var pairs: [(name: Substring, value: Substring)] = []
        for field in request.head.values(of: .cookie) {
            for part in field.split(separator: ";") {
                let text = part.drop { $0 == " " || $0 == "\t" }
                guard let equals = text.firstIndex(of: "=") else { continue }
                var value = text[text.index(after: equals)...]
                while let last = value.last, last == " " || last == "\t" { value.removeLast() }
                pairs.append((text[..<equals], value))
            }
        }
        self.pairs = pairs
    }

    /// The one value of that name; nil when there is none or more than one, of which no one could tell whose is ours.
    subscript(name: String) -> Substring? {
        let found = pairs.filter { $0.name == name }
        return found.count == 1 ? found[0].value : nil
    }
}

extension FieldName {
    static let cookie: FieldName = "cookie"
}
