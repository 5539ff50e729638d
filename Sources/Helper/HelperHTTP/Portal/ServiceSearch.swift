import HelperCore

/// Finds the services whose names or descriptions hold every word of a search.
struct ServiceSearch: Sendable {
    /// The search runs on an event loop, and its work grows with words, services and the length of descriptions.
    static let scalarsMax = 100

    private let words: Set<String>

    /// - Parameter query: what is beyond its first `scalarsMax` Unicode scalars is left out.
    init(_ query: String) {
        let text = String(String.UnicodeScalarView(query.unicodeScalars.prefix(Self.scalarsMax))).lowercased()
        words = Set(text.split(separator: " ").map { String($0) })
    }

    func matches(_ service: Service) -> Bool {
        if words.isEmpty { return true }
        let text = "\(service.name) \(service.systemName) \(service.description ?? "")".lowercased()
        return words.allSatisfy { text.contains($0) }
    }
}
