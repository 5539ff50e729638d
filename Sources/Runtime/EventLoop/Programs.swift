import Glibc

/// Other programs, started by a command line. Not for servers.
package enum Programs {
    /// Replaces this process by a program that `PATH` leads to.
    /// - Parameters:
    ///   - command: the program and its arguments.
    ///   - variables: set in its environment besides ours.
    ///   - removed: taken out of its environment.
    /// - Returns: the system's error number; a success does not return.
    package static func replaceProcess(
        by command: [String], setting variables: [(name: String, value: String)], removing removed: [String] = []
    ) -> Int32 {
        guard let program = command.first else { return ENOENT }
        for name in removed { unsafe unsetenv(name) }
        for variable in variables { unsafe setenv(variable.name, variable.value, 1) }
        restoreSignals()
        var arguments: [UnsafeMutablePointer<CChar>?] = unsafe command.map { unsafe strdup($0) } + [nil]
        defer { unsafe arguments.forEach { unsafe free($0) } }
        _ = unsafe execvp(program, &arguments)
        return lastErrno()
    }

    /// Starts a program beside this one, without its streams.
    /// - Returns: whether it was found.
    package static func start(_ command: [String]) -> Bool {
        guard let program = command.first else { return false }
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        for descriptor in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] {
            unsafe posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_RDWR, 0)
        }
        var arguments: [UnsafeMutablePointer<CChar>?] = unsafe command.map { unsafe strdup($0) } + [nil]
        defer { unsafe arguments.forEach { unsafe free($0) } }
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        var blocked = sigset_t()
        unsafe sigemptyset(&blocked)
        unsafe posix_spawnattr_setsigmask(&attributes, &blocked)
        var restored = sigset_t()
        unsafe sigemptyset(&restored)
        for number in changedSignals { unsafe sigaddset(&restored, number) }
        unsafe posix_spawnattr_setsigdefault(&attributes, &restored)
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        var process = pid_t()
        return unsafe posix_spawnp(&process, program, &actions, &attributes, &arguments, environ) == 0
    }

    /// The system's words for an error number.
    package static func words(_ code: Int32) -> String { unsafe String(cString: strerror(code)) }

    /// Those that this process ignores or handles.
    private static let changedSignals = [SIGPIPE, SIGXFSZ, SIGQUIT]

    /// A signal that we ignore would be ignored by the next program too, and one that is blocked would never reach it: threads
    /// of the concurrency runtime block nearly all of them.
    private static func restoreSignals() {
        for number in changedSignals { _ = signal(number, SIG_DFL) }
        var none = sigset_t()
        unsafe sigemptyset(&none)
        _ = unsafe pthread_sigmask(SIG_SETMASK, &none, nil)
    }

    /// Makes Ctrl-\ end the process as it ends others: Swift's handler would take it for a crash and offer a debugger.
    package static func quitQuietly() { _ = signal(SIGQUIT, SIG_DFL) }

    /// Whether an error number says that there is no such program.
    package static func isNotFound(_ code: Int32) -> Bool { code == ENOENT || code == ENOTDIR }

    /// Makes a write beyond the process's limit of file sizes an error, as a full disk is, instead of a signal.
    package static func ignoreFileSizeSignal() { _ = signal(SIGXFSZ, SIG_IGN) }
}

/// What a program needs to know of its terminal.
package enum Terminal {
    package static var inputIsTerminal: Bool { isatty(STDIN_FILENO) == 1 }
    package static var errorIsTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    /// Columns of the terminal on standard output; nil where there is none.
    package static var columns: Int? {
        guard isatty(STDOUT_FILENO) == 1 else { return nil }
        var size = winsize()
        guard unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return Int(size.ws_col)
    }

    /// Reads a line of standard input without its end; nil at the end of input.
    package static func readAnswer() -> String? { readLine(strippingNewline: true) }
}
