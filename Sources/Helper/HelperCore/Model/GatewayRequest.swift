import Bytes
import OpenAI

/// A request to a service's own gateway that carries an API key where the service wants it. The address is the catalogue's.
package struct GatewayRequest: Sendable, Equatable {
    package struct Pair: Sendable, Equatable {
        package let name: String
        package let value: String
    }

    /// The service's endpoint and the path below it, without credentials.
    package let url: String
    /// Parameters that follow the path, not encoded.
    package private(set) var query: [Pair] = []
    package private(set) var fields: [Pair] = []
    /// For HTTP Basic.
    package private(set) var basic: Pair?

    /// - Returns: nil where the service has no address that a path can be added to.
    package init?(to service: Service, path: TestPath, with key: String, publicID: String?) {
        guard let endpoint = service.proxyEndpoint, Self.isAddress(endpoint) else { return nil }
        url = path == .standard ? OpenAIURL.base(of: endpoint) + "/models" : Self.joined(endpoint, path)
        let placement = service.placement
        var pairs = [Pair(name: placement.parameter, value: key)]
        if let name = placement.idParameter { pairs.insert(Pair(name: name, value: publicID ?? ""), at: 0) }
        switch placement.location {
        case .headers: fields = pairs
        case .authorization:
            // The gateway takes a user key for the name, an application's id for the name and its key for the password.
            basic =
                placement.idParameter == nil
                ? Pair(name: key, value: "") : Pair(name: publicID ?? "", value: key)
        case .query: query = pairs
        }
    }

    private static func joined(_ endpoint: String, _ path: TestPath) -> String {
        (endpoint.hasSuffix("/") ? String(endpoint.dropLast()) : endpoint) + path.description
    }

    /// A URL without user, query and fragment.
    private static func isAddress(_ text: String) -> Bool {
        WebURL(text) != nil && !text.unicodeScalars.contains { "@?#".unicodeScalars.contains($0) }
    }
}

/// The path that a test of a key asks for: `/v1/models`, or what the service's description names as `test: GET /path`.
package struct TestPath: Sendable, Equatable, CustomStringConvertible {
    package static let standard = TestPath(unchecked: "/v1/models")

    private static let lengthMax = 1_000

    package let description: String

    private init(unchecked text: String) { description = text }

    /// - Parameter text: a service's description; one that names no usable path means the standard one.
    package init(readingFrom text: String?) {
        self = text.flatMap(Self.named) ?? .standard
    }

    private static func named(_ text: String) -> TestPath? {
        let words = text.split(whereSeparator: \.isWhitespace)
        for (index, word) in words.enumerated() where word.lowercased() == "test:" {
            guard index + 2 < words.count, words[index + 1] == "GET" else { continue }
            let path = words[index + 2]
            // Two slashes would be read as the begin of an authority by some.
            guard path.hasPrefix("/"), !path.hasPrefix("//"), path.utf8.count <= lengthMax,
                path.utf8.allSatisfy({ (0x21...0x7E).contains($0) && !Array(#"#\<>""#.utf8).contains($0) })
            else { continue }
            return TestPath(unchecked: String(path))
        }
        return nil
    }
}
