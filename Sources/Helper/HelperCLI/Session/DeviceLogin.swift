/// Signs in on another device: the person opens a page there and enters a code (RFC 8628).
struct DeviceLogin: Sendable {
    private static let grant = "urn:ietf:params:oauth:grant-type:device_code"
    private static let slowDownSeconds = 5

    let oauth: OAuthClient
    let endpoints: IssuerEndpoints
    let clientID: String
    let scopes: [String]
    let console: Console

    func tokens() async throws(CommandFailure) -> TokenAnswer {
        guard let endpoint = endpoints.device else {
            throw CommandFailure(
                .failed, "Keycloak offers no sign-in by device code.",
                hints: ["Sign in with a browser on this machine: mlaas login"])
        }
        let pkce = PKCE()
        let code: DeviceCode
        switch try await oauth.startDevice(
            endpoint,
            [
                ("client_id", clientID), ("scope", scopes.joined(separator: " ")),
                ("code_challenge", pkce.challenge), ("code_challenge_method", "S256"),
            ])
        {
        case .success(let answer): code = answer
        case .failure(let refusal):
            throw CommandFailure(
                .failed, "Keycloak refuses the sign-in by device code: \(refusal.words).",
                hints: ["Tell the operator: client \(clientID) needs 'OAuth 2.0 Device Authorization Grant'."])
        }
        try tell(code)
        return try await wait(code, pkce)
    }

    private func tell(_ code: DeviceCode) throws(CommandFailure) {
        try oauth.settings.check(code.verificationURL, "The sign-in page", mayHaveQuery: true)
        console.say("Open this page in a browser on any device:\n  \(Console.printable(code.verificationURL))")
        console.say("and enter the code:\n  \(Console.printable(code.userCode))")
        if let url = code.completeURL { console.say("or open it with the code:\n  \(Console.printable(url))") }
        console.say(
            "Go on only if you have started this sign-in yourself. The code ends in \(code.lifetime / 60) minutes.")
    }

    private func wait(_ code: DeviceCode, _ pkce: PKCE) async throws(CommandFailure) -> TokenAnswer {
        var interval = code.interval
        let end = ContinuousClock.now + .seconds(code.lifetime)
        let fields = [
            ("grant_type", Self.grant), ("client_id", clientID), ("device_code", code.deviceCode),
            ("code_verifier", pkce.verifier),
        ]
        while ContinuousClock.now < end {
            let pause = Duration.seconds(interval)
            await console.waiting("waiting for the sign-in") { try? await Task.sleep(for: pause) }
            let answer: Result<TokenAnswer, OAuthRefusal>
            do throws(CommandFailure) {
                answer = try await oauth.tokens(endpoints.token, fields)
            } catch  where error.status == .unreachable {
                // The network may come back before the code ends (RFC 8628 §3.5).
                interval = min(interval * 2, 60)
                continue
            }
            switch answer {
            case .success(let tokens): return tokens
            case .failure(let refusal):
                switch refusal.code {
                case "authorization_pending": continue
                case "slow_down": interval += Self.slowDownSeconds
                case "access_denied": throw CommandFailure(.failed, "The sign-in was refused in the browser.")
                case "expired_token":
                    throw CommandFailure(
                        .failed, "The code has ended before it was used.",
                        hints: ["Begin again: mlaas login --device"])
                default: throw CommandFailure(.failed, "Keycloak refuses the sign-in: \(refusal.words).")
                }
            }
        }
        throw CommandFailure(
            .failed, "The code has ended before it was used.", hints: ["Begin again: mlaas login --device"])
    }
}
