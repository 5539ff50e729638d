import Testing

@testable import HelperCore
@testable import HelperHTTP

@Suite("Lists that were answered before")
struct RecentListTests {
    private let catalog = Catalog(services: [])
    private let ada = Caller(issuer: "https://sso.example.com", subject: "1", username: "ada", email: nil)

    private func result(_ catalog: Catalog, keys: UInt64) -> ListServices.Result {
        ListServices.Result(
            catalog: catalog, keys: [:], keysVersion: keys, shown: nil, accountID: nil, staleAge: nil)
    }

    @Test("are given again to the same caller, from the same catalogue and the same keys")
    func same() {
        let recent = RecentLists()
        #expect(recent.body(of: result(catalog, keys: 1), for: ada) == nil)
        recent.insert([1, 2, 3], of: result(catalog, keys: 1), for: ada)
        #expect(recent.body(of: result(catalog, keys: 1), for: ada) == nil)
        recent.insert([1, 2, 3], of: result(catalog, keys: 1), for: ada)
        #expect(recent.body(of: result(catalog, keys: 1), for: ada) == [1, 2, 3])
        #expect(recent.body(of: result(catalog, keys: 2), for: ada) == nil)
        #expect(recent.body(of: result(Catalog(services: []), keys: 1), for: ada) == nil)
    }

    /// Another token may show other roles, and another mail address.
    @Test("are not given to the same person with another token")
    func token() {
        let recent = RecentLists()
        for _ in 0..<2 { recent.insert([1], of: result(catalog, keys: 1), for: ada) }
        #expect(recent.body(of: result(catalog, keys: 1), for: ada) == [1])
        let again = Caller(issuer: ada.issuer, subject: ada.subject, username: ada.username, email: nil)
        #expect(again == ada && recent.body(of: result(catalog, keys: 1), for: again) == nil)
    }

    @Test("are never another's, though many share a place")
    func places() {
        let recent = RecentLists()
        let callers = (0..<10_000).map {
            Caller(issuer: "https://sso.example.com", subject: "\($0)", username: "u\($0)", email: nil)
        }
        for (index, caller) in callers.enumerated() {
            for _ in 0..<2 { recent.insert(Array("\(index)".utf8), of: result(catalog, keys: 0), for: caller) }
        }
        let found = callers.indices.filter { index in
            guard let body = recent.body(of: result(catalog, keys: 0), for: callers[index]) else { return false }
            #expect(body == Array("\(index)".utf8))
            return true
        }
        #expect((500...1_024).contains(found.count))
    }

    @Test("are not driven out by others who come once each")
    func once() {
        let recent = RecentLists()
        for _ in 0..<2 { recent.insert([1], of: result(catalog, keys: 1), for: ada) }
        for index in 0..<10_000 {
            let other = Caller(issuer: "https://sso.example.com", subject: "\(index)", username: "u", email: nil)
            recent.insert([2], of: result(catalog, keys: 1), for: other)
        }
        #expect(recent.body(of: result(catalog, keys: 1), for: ada) == [1])
    }

    @Test("are not kept when they are long")
    func long() {
        let recent = RecentLists()
        for _ in 0..<2 { recent.insert(Array(repeating: 1, count: 8_193), of: result(catalog, keys: 1), for: ada) }
        #expect(recent.body(of: result(catalog, keys: 1), for: ada) == nil)
    }
}
