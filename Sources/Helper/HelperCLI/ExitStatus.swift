/// How a command ends. Scripts rely on the numbers.
package enum ExitStatus: Int32, Sendable, CaseIterable {
    case done = 0
    /// The server refused, or something failed here.
    case failed = 1
    /// The command line is wrong.
    case usage = 2
    /// The caller must sign in first.
    case signIn = 3
    /// The server, Keycloak or what is behind them cannot be reached now: the same command may succeed later.
    case unreachable = 4
    /// The program of `run` is there and cannot be run, as shells have it.
    case notExecutable = 126
    /// There is no such program, as shells have it.
    case notFound = 127
}

/// Why a command ended without what was asked for: what happened, why, and the next step.
struct CommandFailure: Error, Sendable, Equatable {
    let status: ExitStatus
    let message: String
    /// Lines below the message.
    var hints: [String] = []

    init(_ status: ExitStatus, _ message: String, hints: [String] = []) {
        self.status = status
        self.message = message
        self.hints = hints
    }

    /// - Parameter login: the command that signs in.
    static func signInFirst(_ server: String, login: String, _ reason: String? = nil) -> CommandFailure {
        CommandFailure(.signIn, reason ?? "You are not signed in to \(server).", hints: ["Sign in: \(login)"])
    }
}
