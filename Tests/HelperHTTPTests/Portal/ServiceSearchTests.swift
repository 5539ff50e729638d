import HelperCore
import Testing

@testable import HelperHTTP

@Suite("Search of services")
struct ServiceSearchTests {
    @Test(
        "takes the first hundred characters, in any letter case",
        arguments: [
            ("", true), ("  ", true), ("GRANITE chat", true), ("granite nothing", false),
            ("granite" + String(repeating: " ", count: 93) + "nothing", true),
            ("granite" + String(repeating: "\u{301}", count: 20_000), false),
        ])
    func words(_ query: String, _ isFound: Bool) {
        let service = Service(
            id: 1, name: "Granite", systemName: "granite_chat", description: "A model for Chat",
            authentication: .apiKey, proxyEndpoint: nil,
            placement: CredentialsPlacement(location: .headers, parameter: "user_key", idParameter: nil), plans: [])
        #expect(ServiceSearch(query).matches(service) == isFound)
    }
}
