import Arguments
import Bytes
import Crypto
import EventLoop
import HTTP
import JSON
import WireContract

/// `login`.
struct LoginCommand: CLICommand {
    static let grammar = CommandLineGrammar.Command(
        "login", "Sign in with your company account",
        options: [
            .init(
                "device", "Sign in with a browser on another device: for SSH, containers, machines without a browser"),
            .init("no-browser", "Print the page's address instead of opening a browser"),
            .init("port", value: "PORT", "The port of 127.0.0.1 to which the browser returns; else any free one"),
        ],
        details: [
            "Opens the sign-in page of Keycloak and waits for the browser to come back. No password passes through this "
                + "program. The sign-in is kept in a file that only you may read, and renewed when it is needed."
        ], examples: ["mlaas login --server https://mlaas.example.com", "mlaas login --device"])

    static func run(_ context: CommandContext) async throws(CommandFailure) -> NextProgram? {
        let settings = try context.settings()
        let server = try context.server(settings)
        let store = try TokenStore(settings)
        let port = try port(context)
        let oauth = context.oauth(settings)
        let document = try await APIClient.document(server, context.sender(settings))
        guard let clientID = document.clientID else {
            throw CommandFailure(
                .failed, "\(server) names no client with which people sign in from a terminal.",
                hints: ["Tell the operator to set CLI_CLIENT_ID."])
        }
        let endpoints = try await oauth.endpoints(document.issuer)
        // A place that cannot be written is said before the person signs in.
        try await store.locked(server) { () throws(CommandFailure) in _ = try store.replacement(server) }
        let tokens: TokenAnswer
        if context.flag("device") {
            tokens = try await DeviceLogin(
                oauth: oauth, endpoints: endpoints, clientID: clientID, scopes: document.scopes,
                console: context.console
            ).tokens()
        } else {
            tokens = try await BrowserLogin(
                oauth: oauth, endpoints: endpoints, clientID: clientID, scopes: document.scopes,
                console: context.console, group: context.loops(settings), port: port,
                opensBrowser: !context.flag("no-browser"), environment: context.environment
            ).tokens()
        }
        let record = TokenRecord(
            server: server, issuer: document.issuer, clientID: clientID, tokenEndpoint: endpoints.token,
            revocationEndpoint: endpoints.revocation, accessToken: tokens.accessToken,
            refreshToken: tokens.refreshToken,
            obtainedAt: wallClockSeconds(), lifetime: tokens.lifetime)
        try await store.locked(server) { () throws(CommandFailure) in
            try store.commit(record, try store.replacement(server))
            try store.use(server)
        }
        let person: WireServiceList
        do throws(CommandFailure) {
            person = try await Names.services(try context.api())
        } catch {
            throw CommandFailure(
                error.status, error.message, hints: error.hints + ["The sign-in is kept: mlaas whoami tries again."])
        }
        if context.wantsJSON {
            try context.console.output(json: ["server": .string(server), "user": .string(person.user)])
        } else {
            context.console.say("Signed in to \(server) as \(Console.printable(person.user)).")
        }
        return nil
    }

    private static func port(_ context: CommandContext) throws(CommandFailure) -> Int {
        guard let text = context.option("port") else { return 0 }
        guard let port = ForeignNumber(text)?.within(1...65_535) else {
            throw CommandFailure(.usage, "--port: expected a number from 1 to 65535, not '\(text)'.")
        }
        return port
    }
}

/// `logout`.
struct LogoutCommand: CLICommand {
    static let grammar = CommandLineGrammar.Command(
        "logout", "Sign out: end the session at Keycloak and remove the tokens from this machine")

    static func run(_ context: CommandContext) async throws(CommandFailure) -> NextProgram? {
        let settings = try context.settings()
        let server = try context.server(settings)
        let store = try TokenStore(settings)
        let oauth = context.oauth(settings)
        let problem = try await store.locked(server) { () throws(CommandFailure) -> CommandFailure? in
            let record: TokenRecord?
            do throws(CommandFailure) {
                record = try store.read(server, endsIt: true)
            } catch {
                try store.remove(server)
                return CommandFailure(
                    .failed, error.message,
                    hints: ["The file is removed. The session at Keycloak could not be ended: it ends by itself."])
            }
            guard let record else {
                throw CommandFailure(.signIn, "You are not signed in to \(server).")
            }
            try store.remove(server)
            return await end(record, oauth)
        }
        if let problem { throw problem }
        if context.wantsJSON {
            try context.console.output(json: ["server": .string(server), "signed_out": true])
        } else {
            context.console.say("Signed out of \(server).")
        }
        return nil
    }

    /// Ends the session at Keycloak.
    /// - Returns: why it may go on.
    private static func end(_ record: TokenRecord, _ oauth: OAuthClient) async -> CommandFailure? {
        guard let endpoint = record.revocationEndpoint, let token = record.refreshToken else { return nil }
        do throws(CommandFailure) {
            guard let refusal = try await oauth.revoke(endpoint, clientID: record.clientID, refreshToken: token),
                // A token that has ended already (RFC 7009 §2.2).
                !["invalid_token", "invalid_grant"].contains(refusal.code)
            else { return nil }
            return CommandFailure(
                .failed,
                "The tokens are removed from this machine, but Keycloak did not end the session: \(refusal.words).")
        } catch {
            return CommandFailure(
                error.status, "The tokens are removed from this machine, but Keycloak did not end the session.",
                hints: [error.message] + error.hints)
        }
    }
}

/// `whoami`.
struct WhoamiCommand: CLICommand {
    static let grammar = CommandLineGrammar.Command("whoami", "Show who you are for the server")

    static func run(_ context: CommandContext) async throws(CommandFailure) -> NextProgram? {
        let api = try context.api()
        let person = try await Names.services(api)
        let record = try? api.session.store().read(api.server)
        if context.wantsJSON {
            var object = JSONObject([("server", .string(api.server)), ("user", .string(person.user))])
            if let email = person.email { object["email"] = .string(email) }
            if let record {
                object["issuer"] = .string(record.issuer)
                object["token_expires_at"] = .string(HTTPDate.timestamp(record.expiresAt))
            }
            try context.console.output(json: .object(object))
        } else {
            let email = person.email.map { " <\($0)>" } ?? ""
            try context.console.output(Console.printable("\(person.user)\(email) on \(api.server)"))
        }
        return nil
    }
}
