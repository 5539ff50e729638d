import HelperCore
import JSON
import Synchronization
import TestSupport
import Testing

@testable import ThreeScale

@Suite("Loading the catalogue", .timeLimit(.minutes(5)))
struct CatalogLoaderTests {
    private static func service(_ id: Int) -> String { #"{"service":{"id":\#(id),"name":"s\#(id)"}}"# }

    private static func configuration(_ id: Int) -> String {
        #"{"proxy_config":{"id":\#(id + 10_000),"content":{"id":\#(id),"proxy":{"endpoint":"https://s\#(id):443"}}}}"#
    }

    /// One page of a list, as 3scale cuts it.
    private static func page(_ line: String, _ plural: String, _ elements: [String]) -> Upstream.Reply {
        func parameter(_ name: String) -> Int? {
            line.split { "?&".contains($0) }.first { $0.hasPrefix(name + "=") }.flatMap {
                Int($0.dropFirst(name.count + 1))
            }
        }
        let size = parameter("per_page") ?? 500
        let page = parameter("page") ?? 1
        let slice = elements.dropFirst((page - 1) * size).prefix(size).joined(separator: ",")
        let metadata = size < elements.count ? #","metadata":{"total_entries":\#(elements.count)}"# : ""
        return .init(body: #"{"\#(plural)":[\#(slice)]\#(metadata)}"#)
    }

    @Test("500 services that were never promoted take nine calls, not 504")
    func staging() async throws {
        let upstream = Upstream()
        let ids = Array(1...500)
        try await upstream.run(
            { line, _ in
                if line.contains("/production") { return Self.page(line, "proxy_configs", []) }
                if line.contains("/staging") { return Self.page(line, "proxy_configs", ids.map(Self.configuration)) }
                if line.contains("application_plans") { return .init(body: #"{"plans":[]}"#) }
                if line.contains("/services.json") { return Self.page(line, "services", ids.map(Self.service)) }
                return .init(body: #"{"proxy":{"endpoint":"https://one-by-one"}}"#)
            }
        ) { manager in
            let catalog = try await manager.catalog()
            #expect(catalog.services.map(\.proxyEndpoint) == ids.map { "https://s\($0)" })
        }
        // Services and the page after, plans, production, five pages of staging.
        #expect(upstream.calls.withLock { $0.count } == 9)
        #expect(upstream.count("/proxy.json") == 0)
    }

    @Test(
        "a proxy that 3scale refuses or cannot answer costs its own service",
        arguments: [(403, #"{"error":"Access denied"}"#), (500, ""), (200, "<html>")])
    func partial(_ status: Int, _ body: String) async throws {
        let upstream = Upstream()
        try await upstream.run(
            { line, _ in
                if line.contains("proxy_configs") { return Self.page(line, "proxy_configs", []) }
                if line.contains("application_plans") { return .init(body: #"{"plans":[]}"#) }
                if line.contains("/services.json") { return Self.page(line, "services", (1...9).map(Self.service)) }
                // Seven in a row: more than the breaker takes.
                if line.contains("services/9/") { return .init(body: #"{"proxy":{"endpoint":"https://nine"}}"#) }
                return .init(status: status, body: body)
            }
        ) { manager in
            let catalog = try await manager.catalog()
            #expect(catalog.services.filter(\.isComplete).map(\.proxyEndpoint) == ["https://nine"])
            #expect(catalog.services.count == 9)
            #expect(catalog.problems.count == 8 && catalog.problems.allSatisfy { $0.operation == "get_proxy" })
        }
        #expect(!upstream.breaker.isOpen)
    }

    @Test("a service that is deleted while the pages are read hides no other")
    func shift() async throws {
        let upstream = Upstream()
        let ids = Shared(Array(1...1_200))
        try await upstream.run(
            { line, _ in
                if line.contains("proxy_configs") {
                    let deployed = ids.withLock { $0 }.map(Self.configuration)
                    return Self.page(line, "proxy_configs", line.contains("/production") ? deployed : [])
                }
                if line.contains("application_plans") { return .init(body: #"{"plans":[]}"#) }
                let reply = Self.page(line, "services", ids.withLock { $0 }.map(Self.service))
                if line.contains("page=1&") { ids.withLock { $0.removeAll { $0 == 3 } } }
                return reply
            }
        ) { manager in
            let catalog = try await manager.catalog()
            #expect(catalog.services.map(\.id) == (1...1_200).filter { $0 != 3 })
        }
    }
}
