/// What a test of an API key came to: whether the key is at fault, or the model, or what is between.
package struct KeyVerdict: Sendable, Equatable {
    /// The closed set of verdicts; the raw value is the word in answers and metrics.
    package enum Word: String, Sendable, CaseIterable {
        /// The gateway let the key pass, and the model answered.
        case works
        /// The gateway does not accept the key.
        case refused
        /// The gateway does not accept the key yet: it is new, or awaits approval.
        case notYet = "not_yet"
        /// A limit of the plan is reached.
        case overLimit = "over_limit"
        /// The gateway has no such path.
        case noRoute = "no_route"
        /// The gateway let the key pass, and what is behind it failed.
        case modelError = "model_error"
        /// No answer came.
        case unreachable
        /// The gateway cannot prove who it is.
        case untrustedCertificate = "untrusted_certificate"
    }

    package let word: Word
    /// The answer's; nil where none came.
    package let status: Int?
    /// What was seen.
    package let explanation: String
    /// What to do next.
    package let advice: String
    /// Of a list of models.
    package let models: [String]?

    /// The key that was sent, as 3scale has it.
    package struct Key: Sendable {
        package let state: KeyState
        /// 3scale changed it so lately that a gateway may not know of it.
        package let isFresh: Bool
        /// Within how many seconds a key that was stopped is refused everywhere.
        package let gatewayDelay: Int

        package init(state: KeyState, isFresh: Bool, gatewayDelay: Int) {
            self.state = state
            self.isFresh = isFresh
            self.gatewayDelay = gatewayDelay
        }

        /// The gateway will accept it without anything that its owner would do.
        var isExpectedToWork: Bool { state == .live || state == .retiring }
    }

    private init(
        _ word: Word, status: Int? = nil, _ explanation: String, _ advice: String, models: [String]? = nil
    ) {
        self.word = word
        self.status = status
        self.explanation = explanation
        self.advice = advice
        self.models = models
    }

    // MARK: Answers

    /// - Parameter texts: the words in which the service's gateway refuses.
    package init(_ answer: GatewayAnswer, to key: Key, texts: GatewayTexts) {
        switch answer.status {
        case 200...299: self = Self.works(answer, key)
        case _ where texts.authenticationMissing.matches(answer):
            self.init(
                .refused, status: answer.status, "The gateway found no key where the catalogue says it is to be.",
                "Tell the operator: the gateway's settings differ from those in 3scale.")
        case _ where texts.authenticationFailed.matches(answer): self = Self.refused(answer, key)
        // The operator's own words, which 3scale did not tell us.
        case texts.authenticationFailed.status where answer.isPlainText: self = Self.refused(answer, key)
        case _ where texts.limitsExceeded.matches(answer):
            self.init(
                .overLimit, status: answer.status, "A limit of the key's plan is reached.",
                "Wait until the limit's period ends, or ask for a larger plan. GET /api/keys/{id}/usage shows the limits."
            )
        case 429:
            self.init(
                .overLimit, status: 429,
                "The answer was 429: a limit of the key's plan is reached, or one of the model behind the gateway.",
                """
                Compare GET /api/keys/{id}/usage with the plan's limits. Where one is reached, wait until its period ends, or ask for \
                a larger plan; else wait and test again.
                """)
        case _ where texts.noMatch.matches(answer), 404 where answer.text.isEmpty:
            self.init(
                .noRoute, status: answer.status, "The gateway has no route for the path of this test.",
                "Call a path that the service has, or tell the operator: no mapping rule of the service matches.")
        default: self = Self.model(answer)
        }
    }

    private static func works(_ answer: GatewayAnswer, _ key: Key) -> KeyVerdict {
        let models = answer.models.map { $0.count == 1 ? " It lists 1 model." : " It lists \($0.count) models." } ?? ""
        guard !key.isExpectedToWork else {
            return KeyVerdict(
                .works, status: answer.status, "The gateway accepts the key, and the model answered.\(models)",
                "Nothing: where your own call fails, compare its address and where it carries the key.",
                models: answer.models)
        }
        return KeyVerdict(
            .works, status: answer.status,
            "The key is \(key.state.rawValue), and the gateway still accepts it.\(models)",
            "Wait: a key that was stopped may pass for up to \(key.gatewayDelay) seconds.", models: answer.models)
    }

    private static func refused(_ answer: GatewayAnswer, _ key: Key) -> KeyVerdict {
        switch key.state {
        case .pending:
            return KeyVerdict(
                .notYet, status: answer.status, "The gateway refuses the key: its plan awaits the operator's approval.",
                "Wait for the approval, or ask the operator for it.")
        case .paused:
            return KeyVerdict(
                .refused, status: answer.status, "The gateway refuses the key: you paused it.",
                "Resume it with POST /api/keys/{id}/resume.")
        case .suspended:
            return KeyVerdict(
                .refused, status: answer.status, "The gateway refuses the key: the operator suspended it.",
                "Ask the operator why: the operator alone can let it work again.")
        case .expired:
            return KeyVerdict(
                .refused, status: answer.status, "The gateway refuses the key: its time is over.",
                "Use the key's successor. Without one revoke it with DELETE /api/keys/{id}, and make a new key.")
        case .live, .retiring:
            guard !key.isFresh else {
                return KeyVerdict(
                    .notYet, status: answer.status, "The gateway does not accept the key yet: it was changed just now.",
                    "Test again in \(key.gatewayDelay) seconds.")
            }
            return KeyVerdict(
                .refused, status: answer.status,
                "The gateway refuses the key, though 3scale says that it is \(key.state.rawValue).",
                "The plan may not allow this call. Else tell the operator: gateway and 3scale disagree.")
        }
    }

    private static func model(_ answer: GatewayAnswer) -> KeyVerdict {
        let status = answer.status
        let (explanation, advice) =
            switch status {
            case 300...399:
                (
                    "The answer was a redirect (\(status)), which is not followed.",
                    "Tell the operator: the service's address should answer itself."
                )
            case 401, 403:
                (
                    "The answer was \(status), but not in the words of the gateway: the model behind it refused.",
                    "Tell the operator: the key is not at fault."
                )
            case 404:
                (
                    "The gateway let the key pass, and the model has nothing at this path.",
                    "The key works. Call a path that the model has."
                )
            case 502, 503, 504:
                (
                    "The answer was \(status): the model behind the gateway does not run or does not answer.",
                    "Try again later, and tell the operator if it stays so. The key is not at fault."
                )
            default:
                (
                    "The gateway let the key pass, and the model answered \(status).",
                    "The key is not at fault. Tell the operator if it stays so."
                )
            }
        return KeyVerdict(.modelError, status: status, explanation, advice)
    }

    // MARK: No answer

    /// - Returns: nil where it is this helper that was busy.
    package init?(_ failure: GatewayFailure) {
        switch failure {
        case .busy: return nil
        case .timeout:
            self.init(
                .unreachable, "The gateway did not answer in time.",
                "Try again later, and tell the operator if it stays so.")
        case .unreachable(let reason):
            self.init(
                .unreachable, "No connection to the service's address came about (\(reason)).",
                "Try again later, and tell the operator if it stays so.")
        case .untrusted(let reason):
            self.init(
                .untrustedCertificate, "The gateway's certificate is not accepted (\(reason)).",
                "Tell the operator: it has expired, is for another name, or its authority is not in CA_BUNDLE.")
        case .tooLong:
            self.init(
                .modelError, "The answer is too long to be a list of models.",
                "Tell the operator: the service's description can name a shorter one as `test: GET /path`.")
        case .impossible(let reason):
            self.init(
                .unreachable, "What 3scale says of the service makes no request (\(reason)).",
                "Tell the operator to correct the service's address and the names of its credentials.")
        }
    }

    /// The catalogue names no address of the service.
    package static let noAddress = KeyVerdict(
        .unreachable, "3scale names no public address of this service.",
        "Ask the operator for the address. Nothing was sent.")
}

/// The words in which a service's gateway refuses a request.
package struct GatewayTexts: Sendable, Equatable {
    package struct Refusal: Sendable, Equatable {
        package let status: Int
        package let text: String

        package init(status: Int, text: String) {
            self.status = status
            self.text = text
        }

        func matches(_ answer: GatewayAnswer) -> Bool {
            answer.status == status && !text.isEmpty && answer.text == text
        }
    }

    package let authenticationFailed: Refusal
    package let authenticationMissing: Refusal
    package let noMatch: Refusal
    package let limitsExceeded: Refusal

    /// Those of a service that was never changed.
    package static let standard = GatewayTexts(
        authenticationFailed: Refusal(status: 403, text: "Authentication failed"),
        authenticationMissing: Refusal(status: 403, text: "Authentication parameters missing"),
        noMatch: Refusal(status: 404, text: "No Mapping Rule matched"),
        limitsExceeded: Refusal(status: 429, text: "Limits exceeded"))

    package init(
        authenticationFailed: Refusal, authenticationMissing: Refusal, noMatch: Refusal, limitsExceeded: Refusal
    ) {
        self.authenticationFailed = authenticationFailed
        self.authenticationMissing = authenticationMissing
        self.noMatch = noMatch
        self.limitsExceeded = limitsExceeded
    }
}
