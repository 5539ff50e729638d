/// The first commands on a connection and what must come back, all sent at once.
package struct Greeting: Sendable {
    package enum Expectation: Sendable, Equatable {
        case status(String)
        /// `OK` to credentials. What else the peer says is not repeated but for its first word: Redis itself quotes a
        /// command that it does not know, password and all.
        case admission
        /// The confirmation of a subscription.
        case subscription
        /// Whatever it is, the connection can be used.
        case anything
    }

    package struct Step: Sendable {
        package let command: RESPCommand
        package let expectation: Expectation
    }

    package let steps: [Step]

    /// Lets us in, chooses the database, and makes sure that it is Redis that answers.
    /// - Parameters:
    ///   - preparing: commands whose failure does not matter, such as loading scripts.
    ///   - channel: what to subscribe to; no other commands are possible then.
    package init(_ configuration: RedisConfiguration, preparing: [RESPCommand] = [], channel: String? = nil) {
        var steps: [Step] = []
        if let password = configuration.password {
            let words = ["AUTH"] + (configuration.username.map { [$0] } ?? []) + [password]
            steps.append(Step(command: RESPCommand(words.map { Array($0.utf8) }), expectation: .admission))
        }
        if configuration.database != 0 {
            steps.append(
                Step(command: RESPCommand("SELECT", String(configuration.database)), expectation: .status("OK")))
        }
        steps.append(Step(command: RESPCommand("PING"), expectation: .status("PONG")))
        steps += preparing.map { Step(command: $0, expectation: .anything) }
        if let channel { steps.append(Step(command: RESPCommand("SUBSCRIBE", channel), expectation: .subscription)) }
        self.steps = steps
    }
}

extension Greeting.Expectation {
    /// Nil when the reply is as expected, else what is wrong with it: in our words, or in the peer's, which may be long.
    package func problem(with reply: RESPValue) -> String? {
        switch (self, reply) {
        case (.anything, _): return nil
        case (.status(let wanted), .status(let text)) where text == wanted: return nil
        case (.admission, .status("OK")): return nil
        case (.admission, .error(let text)): return Self.refusal(of: text)
        case (.subscription, .array(let elements)) where elements.first == .bulk(Array("subscribe".utf8)): return nil
        case (_, .error(let text)): return text
        case (.status(let wanted), _): return "expected \(wanted)"
        case (.admission, _): return "expected OK to the password"
        case (.subscription, _): return "expected the confirmation of a subscription"
        }
    }

    /// Why credentials were refused, in our words, by the error's first word.
    private static func refusal(of text: String) -> String {
        let code = ["WRONGPASS", "NOAUTH", "NOPERM", "LOADING", "ERR"].first { text.hasPrefix("\($0) ") }
        return switch code {
        case "WRONGPASS"?: "WRONGPASS: the user or password is wrong, or the user is disabled"
        case "LOADING"?: "LOADING: the data is being loaded"
        case "ERR"?: "ERR: the password is not accepted; the server may have none, or not know AUTH"
        case let code?: "\(code): the user is not let in"
        case nil: "the user is not let in"
        }
    }
}
