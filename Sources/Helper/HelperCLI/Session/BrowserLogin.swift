import Crypto
import EventLoop
import HTTP
import HTTPServer
import Telemetry

/// Signs in with a browser on this machine, which brings the code back to a port on loopback (RFC 8252 §7.3, RFC 7636).
struct BrowserLogin: Sendable {
    private static let stateBytes = 32
    private static let patience = Duration.seconds(300)

    let oauth: OAuthClient
    let endpoints: IssuerEndpoints
    let clientID: String
    let scopes: [String]
    let console: Console
    let group: EventLoopGroup
    /// 0 lets the kernel choose.
    let port: Int
    let opensBrowser: Bool
    let environment: [String: String]

    func tokens() async throws(CommandFailure) -> TokenAnswer {
        guard let authorization = endpoints.authorization else {
            throw CommandFailure(
                .failed, "Keycloak offers no sign-in by browser.", hints: ["Try: mlaas login --device"])
        }
        let state = Base64URL.encode(SecureRandom.bytes(Self.stateBytes))
        let pkce = PKCE()
        let (results, continuation) = AsyncStream.makeStream(of: Callback.Result.self)
        let callback = Callback(state: state, issuer: endpoints.issuer) { continuation.yield($0) }
        let server = HTTPServer(
            configuration: HTTPServerConfiguration(
                host: "127.0.0.1", port: port, commonFields: Callback.fields, sendsRequestID: false), group: group,
            responder: callback, logger: Logger(label: "mlaas", handler: SwiftLogNoOpLogHandler()))
        let address: SocketAddress
        do {
            address = try await server.start()
        } catch {
            throw CommandFailure(
                .failed, "Port \(port) of 127.0.0.1 cannot be used: \(error).",
                hints: ["Choose another one with --port, or sign in with: mlaas login --device"])
        }
        let redirect = "http://127.0.0.1:\(address.port)/callback"
        let url =
            authorization + (authorization.contains("?") ? "&" : "?")
            + [
                ("response_type", "code"), ("client_id", clientID), ("redirect_uri", redirect),
                ("scope", scopes.joined(separator: " ")), ("state", state), ("code_challenge", pkce.challenge),
                ("code_challenge_method", "S256"),
            ].map { "\($0.0)=\(PercentEncoding.encode($0.1))" }.joined(separator: "&")
        tell(url)
        let result = await console.waiting("waiting for the browser") { await Self.first(of: results) }
        // The page of the answer reaches the browser first.
        _ = await server.shutdown(deadline: .seconds(1))
        switch result {
        case .code(let code): return try await exchange(code, redirect, pkce)
        case .refused(let words):
            throw CommandFailure(.failed, "Keycloak refuses the sign-in: \(words).")
        case nil:
            throw CommandFailure(
                .failed, "No browser has brought the sign-in back within 5 minutes.",
                hints: ["On a machine without a browser: mlaas login --device"])
        }
    }

    private static func first(of results: AsyncStream<Callback.Result>) async -> Callback.Result? {
        await withTaskGroup(of: Callback.Result?.self) { tasks in
            tasks.addTask {
                for await result in results { return result }
                return nil
            }
            tasks.addTask {
                try? await Task.sleep(for: patience)
                return nil
            }
            let first = await tasks.next() ?? nil
            tasks.cancelAll()
            return first
        }
    }

    private func tell(_ url: String) {
        if opensBrowser, let command = Self.browser(environment), Programs.start(command + [url]) {
            console.say("A browser opens the sign-in page. If it does not, open:\n  \(Console.printable(url))")
        } else {
            console.say("Open this page in a browser on this machine:\n  \(Console.printable(url))")
            console.say("On another device, stop with Ctrl-C and use: mlaas login --device")
        }
    }

    /// `BROWSER` names programs divided by colons; else the desktop's own choice, where there is a desktop.
    private static func browser(_ environment: [String: String]) -> [String]? {
        if let named = environment["BROWSER"]?.split(separator: ":").first {
            let words = named.split(separator: " ").map(String.init).filter { $0 != "%s" }
            return words.isEmpty ? nil : words
        }
        let hasDesktop = ["DISPLAY", "WAYLAND_DISPLAY"].contains { !(environment[$0] ?? "").isEmpty }
        return hasDesktop ? ["xdg-open"] : nil
    }

    private func exchange(_ code: String, _ redirect: String, _ pkce: PKCE) async throws(CommandFailure) -> TokenAnswer
    {
        let answer = try await oauth.tokens(
            endpoints.token,
            [
                ("grant_type", "authorization_code"), ("client_id", clientID), ("code", code),
                ("redirect_uri", redirect), ("code_verifier", pkce.verifier),
            ])
        switch answer {
        case .success(let tokens): return tokens
        case .failure(let refusal):
            throw CommandFailure(.failed, "Keycloak refuses the code of the sign-in: \(refusal.words).")
        }
    }
}
