import Arguments
import Bytes
import Configuration
import EventLoop
import HTTPClient
import JSON
import Synchronization
import WireContract

/// What a command works with. The network's parts are made when they are first needed.
final class CommandContext: Sendable {
    let invocation: CommandLineGrammar.Invocation
    let environment: [String: String]
    let console: Console
    private let network = Mutex<Network?>(nil)

    private struct Network: Sendable {
        let group: EventLoopGroup
        let client: HTTPClient
    }

    init(invocation: CommandLineGrammar.Invocation, environment: [String: String], console: Console) {
        self.invocation = invocation
        self.environment = environment
        self.console = console
    }

    // MARK: The command line

    var wantsJSON: Bool { invocation.flags.contains("json") }
    func option(_ name: String) -> String? { invocation.values[name] }
    func flag(_ name: String) -> Bool { invocation.flags.contains(name) }
    func operand(_ index: Int = 0) -> String {
        invocation.operands.indices.contains(index) ? invocation.operands[index] : ""
    }

    // MARK: Parts

    func settings() throws(CommandFailure) -> CLISettings { try CLISettings(environment) }

    /// The server that is named, else the one of the last login.
    func server(_ settings: CLISettings) throws(CommandFailure) -> String {
        let server: String
        if let named = option("server") {
            guard let url = ConfigReader.url(named.contains("://") ? named : "https://" + named) else {
                throw CommandFailure(
                    .usage, "--server: expected a URL such as https://mlaas.example.com, not '\(named)'.")
            }
            server = url
        } else if let named = settings.server {
            server = named
        } else if let last = (try? TokenStore(settings))?.lastServer() {
            server = last
        } else {
            throw CommandFailure(
                .usage, "No server is named.",
                hints: ["Use --server https://mlaas.example.com, or set MLAAS_SERVER. 'mlaas login' keeps it."])
        }
        try settings.check(server, "The server")
        return server
    }

    func sender(_ settings: CLISettings) -> HTTPSender { HTTPSender(client: network(settings).client) }
    func loops(_ settings: CLISettings) -> EventLoopGroup { network(settings).group }

    private func network(_ settings: CLISettings) -> Network {
        network.withLock { network in
            if let network { return network }
            let group = EventLoopGroup(count: 1)
            let made = Network(group: group, client: HTTPClient(configuration: settings.client, group: group))
            network = made
            return made
        }
    }

    func oauth(_ settings: CLISettings) -> OAuthClient { OAuthClient(sender: sender(settings), settings: settings) }

    /// The API with the caller's sign-in.
    func api() throws(CommandFailure) -> APIClient {
        let settings = try settings()
        let server = try server(settings)
        return APIClient(
            server: server, sender: sender(settings),
            session: SessionKeeper(
                server: server, oauth: oauth(settings),
                // Without a name, login would go to another server than this command.
                login: option("server") == nil ? "mlaas login" : "mlaas login --server \(ShellText.word(server))",
                now: { wallClockSeconds() }))
    }

    /// Ends the network's parts. Call when the command has ended.
    func close() async {
        guard let network = network.withLock({ $0.take() }) else { return }
        await network.client.shutdown()
        network.group.shutdown()
    }
}
