import Glibc
import Synchronization

/// A program started with nothing of ours but standard output and error. Foundation's `Process` lets a child inherit the
/// descriptors by which it watches others, so that one long-lived child makes every wait hang.
package struct ChildProcess: Sendable {
    package struct Failed: Error, CustomStringConvertible {
        package let description: String
    }

    private let pid: pid_t

    /// Closes what was inherited, and becomes the program.
    private static let launch = """
        cd "$1" && shift
        for file in /proc/self/fd/*; do number=${file##*/}; ((number < 3)) || eval "exec $number>&-"; done
        exec "$@"
        """

    /// - Parameters:
    ///   - arguments: the program, looked up in PATH, and what it is given.
    ///   - folder: where it runs.
    ///   - output: files that get what it prints.
    package init(
        _ arguments: [String], in folder: String = "/tmp", output: String = "/dev/null", errors: String = "/dev/null"
    ) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        // The threads that tests run on block signals, which a program would inherit and then never hear.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var mask = sigset_t()
        sigemptyset(&mask)
        posix_spawnattr_setsigmask(&attributes, &mask)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        let launcher = ["/bin/bash", "-c", Self.launch, "launch", folder] + arguments
        var words: [UnsafeMutablePointer<CChar>?] = launcher.map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var child = pid_t()
        let status = inheriting.withLock { _ in
            posix_spawn(&child, launcher[0], &actions, &attributes, &words, environ)
        }
        guard status == 0 else { throw Failed(description: "\(arguments[0]): \(String(cString: strerror(status)))") }
        pid = child
    }

    package var isRunning: Bool { kill(pid, 0) == 0 && waitpid(pid, nil, WNOHANG) == 0 }

    package func terminate() { kill(pid, SIGTERM) }

    /// - Returns: the exit status; 128 and more for a signal.
    @discardableResult
    package func wait() -> Int32 {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        return status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
    }
}
