/// The first commands on a connection and what must come back, all sent at once.
package struct Greeting: Sendable {
    package enum Expectation: Sendable, Equatable {
        case status(String)
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
            steps.append(Step(command: RESPCommand(words.map { Array($0.utf8) }), expectation: .status("OK")))
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
    /// Nil when the reply is as expected, else what is wrong with it, in words.
    package func problem(with reply: RESPValue) -> String? {
        switch (self, reply) {
        case (.anything, _): return nil
        case (.status(let wanted), .status(let text)) where text == wanted: return nil
        case (.subscription, .array(let elements)) where elements.first == .bulk(Array("subscribe".utf8)): return nil
        case (_, .error(let text)): return String(text.prefix(200))
        case (.status(let wanted), _): return "expected \(wanted)"
        case (.subscription, _): return "expected the confirmation of a subscription"
        }
    }
}
