package import EventLoop
import HTTPServer
package import KeycloakSandbox
package import SandboxSupport
package import Telemetry
package import ThreeScaleSandbox

/// An imitated Keycloak and an imitated 3scale on loopback, with an admin listener to make them misbehave.
package struct Sandbox: Sendable {
    /// Where to listen; port 0 lets the kernel choose.
    package struct Ports: Sendable {
        package var keycloak = 0
        package var threeScale = 0
        package var admin = 0

        package init() {}
    }

    package let keycloak: KeycloakSandbox
    package let threeScale: ThreeScaleSandbox
    package let keycloakFaults: FaultInjector
    package let threeScaleFaults: FaultInjector
    package let clock: SandboxClock
    private let servers: [HTTPServer]
    /// `http://127.0.0.1:port`.
    package let keycloakURL: String
    package let threeScaleURL: String
    package let adminURL: String

    /// Starts all three listeners. Not from a loop.
    /// - Parameters:
    ///   - host: a loopback address.
    ///   - tenant: what 3scale holds at first, and again after a reset.
    package static func start(
        host: String = "127.0.0.1", ports: Ports = Ports(), tenant: Tenant, group: EventLoopGroup, logger: Logger
    ) async throws -> Sandbox {
        let clock = SandboxClock()
        let keycloak = try KeycloakSandbox(clock: clock)
        let threeScale = ThreeScaleSandbox(tenant, clock: clock)
        let keycloakFaults = FaultInjector(keycloak)
        let threeScaleFaults = FaultInjector(threeScale)
        let admin = AdminAPI(
            keycloak: keycloak, threeScale: threeScale, keycloakFaults: keycloakFaults,
            threeScaleFaults: threeScaleFaults,
            clock: clock, seed: tenant)
        var servers: [HTTPServer] = []
        var urls: [String] = []
        for (port, responder) in [
            (ports.keycloak, keycloakFaults as any Responder), (ports.threeScale, threeScaleFaults),
            (ports.admin, admin),
        ] {
            // The imitated servers have no request ids of ours.
            var configuration = HTTPServerConfiguration(host: host, port: port, sendsRequestID: false)
            configuration.now = { clock.now }
            let server = HTTPServer(configuration: configuration, group: group, responder: responder, logger: logger)
            do {
                urls.append("http://\(try await server.start())")
            } catch {
                for server in servers { await server.shutdown(deadline: .zero) }
                throw error
            }
            servers.append(server)
        }
        return Sandbox(
            keycloak: keycloak, threeScale: threeScale, keycloakFaults: keycloakFaults,
            threeScaleFaults: threeScaleFaults,
            clock: clock, servers: servers, keycloakURL: urls[0], threeScaleURL: urls[1], adminURL: urls[2])
    }

    /// Closes the listeners and every connection.
    package func stop() async {
        for server in servers { await server.shutdown(deadline: .milliseconds(200)) }
    }
}
