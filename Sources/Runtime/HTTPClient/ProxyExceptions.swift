import Bytes

/// The hosts that are asked directly in spite of a proxy, as `NO_PROXY` lists them, in the words of libcurl.
///
/// libcurl knows host names (with their subdomains, a dot before them or not), addresses, blocks and `*`. Other programs also know
/// `*.host`, `10.*` and `host:port`, which are put into its words here.
package struct ProxyExceptions: Sendable, Equatable {
    private let everywhere: String
    private let ofPorts: [Int: String]

    /// Elements are divided by commas or blanks.
    package init(_ text: String) {
        var everywhere: [String] = []
        var ofPorts: [Int: [String]] = [:]
        for element in text.split(whereSeparator: { $0 == "," || $0.isWhitespace }) {
            let (host, port) = Self.divide(element)
            guard let host = Self.pattern(host) else { continue }
            if let port { ofPorts[port, default: []].append(host) } else { everywhere.append(host) }
        }
        self.everywhere = everywhere.joined(separator: ",")
        self.ofPorts = ofPorts.mapValues { (everywhere + $0).joined(separator: ",") }
    }

    /// The list for a request to a port, as CURLOPT_NOPROXY takes it.
    package func list(forPort port: Int) -> String { ofPorts[port] ?? everywhere }

    /// The list for a request to a URL. It is asked for each request, and only the port counts, so the URL is not read as a whole.
    func list(for url: String) -> String {
        guard !ofPorts.isEmpty else { return everywhere }
        let isTLS = url.hasPrefix("https:")
        let authority = url.dropFirst((isTLS ? "https://" : "http://").utf8.count).prefix { $0 != "/" && $0 != "?" }
        return list(forPort: Self.divide(authority).port ?? (isTLS ? 443 : 80))
    }

    /// An address of IPv6 has a port only behind its bracket.
    private static func divide(_ text: Substring) -> (host: Substring, port: Int?) {
        guard let colon = text.lastIndex(of: ":"), text.hasPrefix("[") || text.firstIndex(of: ":") == colon,
            let port = ForeignNumber(text[text.index(after: colon)...])?.within(0...65_535)
        else { return (text, nil) }
        return (text[..<colon], port)
    }

    private static func pattern(_ text: Substring) -> String? {
        if text == "*" { return "*" }
        var text = text
        if text.hasPrefix("["), text.hasSuffix("]") { text = text.dropFirst().dropLast() }
        if text.hasPrefix("*.") { text = text.dropFirst() }
        if text.hasSuffix("*") { return block(text) }
        return text.isEmpty || text == "." ? nil : String(text)
    }

    /// `10.*`, `10.1.*` and `10.1.*.*` as blocks.
    private static func block(_ text: Substring) -> String? {
        let numbers = text.split(separator: ".", omittingEmptySubsequences: false).prefix { $0 != "*" }
        let isAddress =
            (1...3).contains(numbers.count) && numbers.allSatisfy { ForeignNumber($0)?.within(0...255) != nil }
        guard isAddress else { return nil }
        let octets = numbers.map(String.init) + Array(repeating: "0", count: 4 - numbers.count)
        return "\(octets.joined(separator: "."))/\(8 * numbers.count)"
    }
}
