package import Arguments
import EventLoop
import HTTPServer
import Telemetry
import ThreeScaleSandbox

/// The command line of `mlaas-sandbox`.
package enum SandboxMain {
    package static let grammar = CommandLineGrammar(
        program: "mlaas-sandbox", abstract: "An imitated Keycloak and 3scale on loopback, for development and tests.",
        options: [
            .init("host", value: "ADDRESS", "Loopback address to listen on (default 127.0.0.1)"),
            .init("keycloak-port", value: "PORT", "Port of the imitated Keycloak (default 8180, 0 chooses one)"),
            .init("threescale-port", value: "PORT", "Port of the imitated 3scale (default 8280, 0 chooses one)"),
            .init("admin-port", value: "PORT", "Port of the sandbox's own API (default 8380, 0 chooses one)"),
            .init("gateway-port", value: "PORT", "Port of the gateway in front of the models (default 0 chooses one)"),
            .init("gateway-endpoints", "Give every service its public address at that gateway"),
            .init("services", value: "N", "Generate N services instead of the small catalogue"),
            .init("accounts", value: "N", "Add N accounts (user1, user2, …), each with a key, to 3scale"),
            .init("first-id", value: "N", "3scale's first id (default 1; the hosted service's are above 2147483648)"),
            .init("bare", "Start with a tenant in which nothing was set up"),
            .init("sample", "Start with 3scale's own sample data instead of the small catalogue"),
        ])

    /// - Parameter arguments: without the program's name.
    /// - Returns: the exit status.
    package static func run(_ arguments: [String]) async -> Int32 {
        do {
            let invocation = try grammar.parse(arguments)
            if let help = invocation.help {
                StandardStreams.output(help)
                return 0
            }
            try await serve(invocation)
            return 0
        } catch let error as CommandLineGrammar.UsageError {
            StandardStreams.error("mlaas-sandbox: \(error)")
            return 64
        } catch {
            StandardStreams.error("mlaas-sandbox: \(error); is another process using the port?")
            return 69
        }
    }

    private static func serve(_ invocation: CommandLineGrammar.Invocation) async throws {
        let host = invocation.values["host"] ?? "127.0.0.1"
        guard ["127.0.0.1", "::1", "localhost"].contains(host) || host.hasPrefix("127.") else {
            throw CommandLineGrammar.UsageError(
                description: "--host must be a loopback address: the sandbox's passwords are known to everybody")
        }
        var ports = Sandbox.Ports()
        ports.keycloak = try number(invocation, "keycloak-port", 0...65_535) ?? 8180
        ports.threeScale = try number(invocation, "threescale-port", 0...65_535) ?? 8280
        ports.admin = try number(invocation, "admin-port", 0...65_535) ?? 8380
        ports.gateway = try number(invocation, "gateway-port", 0...65_535) ?? 0
        let services = try number(invocation, "services", 1...100_000)
        let firstID = try number(invocation, "first-id", 1...1 << 53) ?? 1
        let now = wallClockSeconds()
        let accounts = try number(invocation, "accounts", 1...1_000_000)
        var tenant =
            services.map { ThreeScaleSeed.generated(services: $0, now: now, firstID: firstID) }
            ?? seed(of: invocation, now: now, firstID: firstID)
        if let accounts { ThreeScaleSeed.addAccounts(accounts, to: &tenant, now: now) }

        let group = EventLoopGroup(count: 1)
        let signals = ProcessSignals(on: group.loops[0])
        let handler = TextLogHandler(
            sink: ErrorSink(), level: .warning, usesColour: false, now: { wallClockNanoseconds() })
        let sandbox = try await Sandbox.start(
            host: host, ports: ports, tenant: tenant,
            hasGatewayEndpoints: invocation.flags.contains("gateway-endpoints"), group: group,
            logger: Logger(label: "sandbox", handler: handler))
        StandardStreams.output(banner(sandbox))
        for await signal in signals.received where signal == .terminate { break }
        await sandbox.stop()
        signals.close()
        group.shutdown()
    }

    private static func seed(of invocation: CommandLineGrammar.Invocation, now: Int, firstID: Int) -> Tenant {
        if invocation.flags.contains("bare") { return ThreeScaleSeed.bare(now: now, firstID: firstID) }
        if invocation.flags.contains("sample") { return ThreeScaleSeed.sample(now: now, firstID: firstID) }
        return ThreeScaleSeed.standard(now: now, firstID: firstID)
    }

    private static func number(
        _ invocation: CommandLineGrammar.Invocation, _ name: String, _ range: ClosedRange<Int>
    ) throws -> Int? {
        guard let text = invocation.values[name] else { return nil }
        guard let number = Int(text), range.contains(number) else {
            throw CommandLineGrammar.UsageError(
                description: "--\(name) takes a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    private static func banner(_ sandbox: Sandbox) -> String {
        """
        keycloak=\(sandbox.keycloakURL)
        threescale=\(sandbox.threeScaleURL)
        admin=\(sandbox.adminURL)
        gateway=\(sandbox.gatewayURL)

        # A token for ada (others: bob, carol, erin.o-neil, zoë; passwords are NAME-password):
        curl -s \(sandbox.keycloakURL)/realms/mlaas/protocol/openid-connect/token \\
          -d grant_type=password -d client_id=mlaas-client -d client_secret=mlaas-client-secret \\
          -d username=ada -d password=ada-password -d scope=openid

        # 3scale's admin token is \(ThreeScaleSeed.adminToken):
        curl -s -u :\(ThreeScaleSeed.adminToken) \(sandbox.threeScaleURL)/admin/api/services.json

        # What can be made to fail:
        curl -s \(sandbox.adminURL)/
        """
    }
}

/// Log lines of a developer's tool, which may block.
private struct ErrorSink: LogSink {
    func write(_ line: [UInt8]) { StandardStreams.error(String(decoding: line, as: UTF8.self)) }
}
