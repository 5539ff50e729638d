import EventLoop

/// The sign-in to one server: answers an access token that works, renewed where it must be.
struct SessionKeeper: Sendable {
    let server: String
    let oauth: OAuthClient
    /// The command that signs in to the server.
    let login: String
    let now: @Sendable () -> Int

    /// Returns where sign-ins are kept. A token of `MLAAS_TOKEN` needs none of it, and no home.
    func store() throws(CommandFailure) -> TokenStore { try TokenStore(oauth.settings) }

    /// An access token.
    /// - Parameter refused: one that the server has just refused: another is needed.
    func accessToken(insteadOf refused: String? = nil) async throws(CommandFailure) -> String {
        if let token = oauth.settings.token {
            if refused == nil { return token }
            throw CommandFailure(
                .signIn, "\(server) does not accept the token in MLAAS_TOKEN.",
                hints: ["Get another one, or unset it and sign in: mlaas login"])
        }
        let store = try store()
        guard let record = try store.read(server) else { throw CommandFailure.signInFirst(server, login: login) }
        if record.isFresh(at: now()), record.accessToken != refused { return record.accessToken }
        return try await store.locked(server) { () throws(CommandFailure) in
            // Another process may have renewed it while we waited.
            guard let record = try store.read(server) else { throw CommandFailure.signInFirst(server, login: login) }
            if record.isFresh(at: now()), record.accessToken != refused { return record.accessToken }
            return try await renew(record, store)
        }
    }

    /// Under the lock.
    private func renew(_ record: TokenRecord, _ store: TokenStore) async throws(CommandFailure) -> String {
        guard let refreshToken = record.refreshToken else { throw try ended(record, store, "it cannot be renewed") }
        // Before the refresh token is spent: with rotation the old one is of no use afterwards.
        let replacement = try store.replacement(server)
        let answer = try await oauth.tokens(
            record.tokenEndpoint,
            [("grant_type", "refresh_token"), ("client_id", record.clientID), ("refresh_token", refreshToken)])
        switch answer {
        case .success(let tokens):
            let renewed = record.replacing(tokens, at: now())
            try store.commit(renewed, replacement)
            return renewed.accessToken
        case .failure(let refusal) where refusal.code == "invalid_grant":
            throw try ended(record, store, "Keycloak says \(refusal.words)")
        case .failure(let refusal):
            throw CommandFailure(
                .failed, "Keycloak does not renew the sign-in: \(refusal.words).",
                hints: ["Sign in again: \(login)"])
        }
    }

    private func ended(_ record: TokenRecord, _ store: TokenStore, _ reason: String) throws(CommandFailure)
        -> CommandFailure
    {
        try store.remove(record.server)
        return CommandFailure.signInFirst(server, login: login, "Your sign-in to \(server) has ended: \(reason).")
    }
}
