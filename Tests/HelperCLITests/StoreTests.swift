import FoundationEssentials
import Testing

@testable import HelperCLI

@Suite("The folder of the sign-ins")
struct StoreTests {
    @Test("takes the server of the last sign-in from many sign-ins at once")
    func servers() async throws {
        let folder = FileManager.default.temporaryDirectory.path + "/mlaas-store-\(UInt64.random(in: 0 ... .max))"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let store = try TokenStore(try CLISettings(["XDG_STATE_HOME": folder]))
        let servers = (0..<8).map { "https://\($0).example" }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for server in servers {
                group.addTask {
                    for _ in 0..<40 {
                        try await store.locked(server) { () throws(CommandFailure) in try store.use(server) }
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(servers.contains(try #require(store.lastServer())))
    }
}
