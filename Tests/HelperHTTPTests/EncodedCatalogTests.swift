import JSON
import Testing

@testable import HelperCore
@testable import HelperHTTP

@Suite("A catalogue in bytes")
struct EncodedCatalogTests {
    private func service(_ id: Int, _ method: AuthenticationMethod) -> Service {
        Service(
            id: id, name: "Service \"\(id)\"", systemName: "service_\(id)", description: id % 2 == 0 ? "d" : nil,
            authentication: method, proxyEndpoint: nil,
            placement: CredentialsPlacement(
                location: .headers, parameter: "X-Key", idParameter: method == .apiKey ? nil : "X-Id"),
            plans: [])
    }

    private func key(_ service: Int, _ credentials: Application.Credentials, _ state: Application.State) -> IssuedKey {
        let application = Application(
            id: service * 10, serviceID: service, accountID: 1, plan: PlanReference(id: 3, name: "Ba\\sic"),
            state: state,
            description: nil, credentials: credentials)
        return IssuedKey(of: application, firstKey: state == .live ? "key-\(service)" : nil)
    }

    /// What every caller must get, whatever was put together beforehand.
    @Test("says of each service what writing it anew says, with keys of every method and without", arguments: 0..<64)
    func same(_ mask: Int) {
        let services = [
            service(1, .apiKey), service(2, .appIDAndKey), service(3, .oidc), service(4, .apiKey), service(5, .oidc),
            service(6, .appIDAndKey),
        ]
        let all = [
            key(1, .userKey("u\"1"), .live), key(2, .appID("app-2"), .live),
            key(3, .client(id: "c-3", secret: "s-3"), .suspended), key(4, .none, .pending), key(5, .none, .live),
            key(6, .appID("app-6"), .pending),
        ]
        var keys: [Int: IssuedKey] = [:]
        for (index, key) in all.enumerated() where mask >> index & 1 == 1 { keys[key.serviceID] = key }
        for shown in [nil, [true, true, false, true, true, false], [false, true, true, false, true, true]] as [[Bool]?]
        {
            let result = ListServices.Result(
                catalog: Catalog(services: services), keys: keys, keysVersion: 1, shown: shown, accountID: 1,
                staleAge: nil)
            var writer = JSONWriter()
            writer.beginArray()
            for item in result.items { ServiceEncoding.write(item, to: &writer) }
            writer.endArray()
            var list: [UInt8] = [0x5B]
            EncodedCatalog(result.catalog).append(result, to: &list)
            list.append(0x5D)
            #expect(String(decoding: list, as: UTF8.self) == String(decoding: writer.bytes, as: UTF8.self))
        }
    }
}
