package import EventLoop
import HTTPServer
package import KeycloakSandbox
package import SandboxSupport
package import Telemetry
package import ThreeScaleSandbox

/// An imitated Keycloak and an imitated 3scale with its gateway on loopback, with an admin listener to make them misbehave.
package struct Sandbox: Sendable {
    /// Where to listen; port 0 lets the kernel choose.
    package struct Ports: Sendable {
        package var keycloak = 0
        package var threeScale = 0
        package var gateway = 0
        package var admin = 0

        package init() {}
    }

    package let keycloak: KeycloakSandbox
    package let threeScale: ThreeScaleSandbox
    package let keycloakFaults: FaultInjector
    package let threeScaleFaults: FaultInjector
    package let gatewayFaults: FaultInjector
    package let clock: SandboxClock
    private let servers: [HTTPServer]
    /// `http://127.0.0.1:port`.
    package let keycloakURL: String
    package let threeScaleURL: String
    package let gatewayURL: String
    package let adminURL: String

    /// Starts all listeners. Not from a loop.
    /// - Parameters:
    ///   - host: a loopback address.
    ///   - tenant: what 3scale holds at first, and again after a reset.
    ///   - hasGatewayEndpoints: whether every service has its public address at the gateway.
    package static func start(
        host: String = "127.0.0.1", ports: Ports = Ports(), tenant: Tenant, hasGatewayEndpoints: Bool = false,
        group: EventLoopGroup, logger: Logger
    ) async throws -> Sandbox {
        let clock = SandboxClock()
        let keycloak = try KeycloakSandbox(clock: clock)
        let threeScale = ThreeScaleSandbox(tenant, clock: clock)
        let keycloakFaults = FaultInjector(keycloak)
        let threeScaleFaults = FaultInjector(threeScale)
        let gatewayFaults = FaultInjector(
            ModelGateway(threeScale) { keycloak.client(ofToken: $0) })
        var servers: [HTTPServer] = []
        func listen(_ port: Int, _ responder: any Responder) async throws -> String {
            // The imitated servers have no request ids of ours.
            var configuration = HTTPServerConfiguration(host: host, port: port, sendsRequestID: false)
            configuration.now = { clock.now }
            let server = HTTPServer(configuration: configuration, group: group, responder: responder, logger: logger)
            let url = "http://\(try await server.start())"
            servers.append(server)
            return url
        }
        do {
            let gatewayURL = try await listen(ports.gateway, gatewayFaults)
            if hasGatewayEndpoints { threeScale.change { $0.setEndpoints(gateway: gatewayURL) } }
            let admin = AdminAPI(
                keycloak: keycloak, threeScale: threeScale, keycloakFaults: keycloakFaults,
                threeScaleFaults: threeScaleFaults, gatewayFaults: gatewayFaults, clock: clock,
                seed: threeScale.snapshot)
            let keycloakURL = try await listen(ports.keycloak, keycloakFaults)
            let threeScaleURL = try await listen(ports.threeScale, threeScaleFaults)
            let adminURL = try await listen(ports.admin, admin)
            return Sandbox(
                keycloak: keycloak, threeScale: threeScale, keycloakFaults: keycloakFaults,
                threeScaleFaults: threeScaleFaults, gatewayFaults: gatewayFaults, clock: clock, servers: servers,
                keycloakURL: keycloakURL, threeScaleURL: threeScaleURL, gatewayURL: gatewayURL, adminURL: adminURL)
        } catch {
            for server in servers { await server.shutdown(deadline: .zero) }
            throw error
        }
    }

    /// Closes the listeners and every connection.
    package func stop() async {
        await withDiscardingTaskGroup { tasks in
            for server in servers { tasks.addTask { await server.shutdown(deadline: .milliseconds(200)) } }
        }
    }
}
