import Arguments

/// One command of `mlaas-helper`: its name and options, and what it does.
protocol Subcommand: Sendable {
    static var grammar: CommandLineGrammar.Command { get }

    /// - Parameter invocation: holds options of this command only.
    init(_ invocation: CommandLineGrammar.Invocation)

    /// Runs to its end; returns the exit status.
    func run() async -> Int32
}

/// Exit statuses, as sysexits.h has them from 64 on.
enum ExitStatus {
    static let success: Int32 = 0
    /// What container engines take for unhealthy.
    static let unhealthy: Int32 = 1
    static let usage: Int32 = 64
    static let unavailable: Int32 = 69
    static let configuration: Int32 = 78
}
