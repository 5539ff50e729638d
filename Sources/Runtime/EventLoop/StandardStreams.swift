import Glibc

/// The process's own streams, for programs that talk to people: data on standard output, talk on standard error.
package enum StandardStreams {
    package static var outputIsTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    /// Takes the numbers of those streams that are closed, so that no file or connection that is opened later gets them, and is
    /// written to as if it were one. Writing to such a stream fails as before. Call first of all.
    package static func reserveClosed() {
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) == -1 {
            // The lowest number that is free is this one. Open for reading alone.
            _ = unsafe open("/dev/null", O_RDONLY)
        }
    }

    /// Writes a line to standard output. Blocks; not from a loop.
    package static func output(_ line: String) { write(line, STDOUT_FILENO) }

    /// Writes a line to standard error. Blocks; not from a loop.
    package static func error(_ line: String) { write(line, STDERR_FILENO) }

    /// Writes to standard error as much as its reader takes without making us wait.
    package static func offerToError(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            var poller = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
            // A pipe that is ready for writing takes that much (pipe(7)).
            guard unsafe poll(&poller, 1, 0) == 1, poller.revents & Int16(POLLOUT) != 0 else { return }
            let piece = Array(rest.prefix(4_096))
            let count = unsafe piece.withUnsafeBufferPointer { buffer in
                unsafe Glibc.write(STDERR_FILENO, buffer.baseAddress!, piece.count)
            }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    /// Writes bytes to standard output. Blocks; not from a loop.
    /// - Returns: the system's error number, 0 when everything was written.
    package static func output(bytes: [UInt8]) -> Int32 {
        // A reader that ended must give an error code.
        ignoreBrokenPipes()
        var offset = 0
        return writeAll(bytes, from: &offset, to: STDOUT_FILENO)
    }

    private static func write(_ line: String, _ descriptor: Int32) {
        let bytes = Array(line.utf8) + (line.hasSuffix("\n") ? [] : [0x0A])
        var offset = 0
        _ = writeAll(bytes, from: &offset, to: descriptor)
    }
}

/// Ends the process now, without finishing anything.
package func exitNow() -> Never { _exit(1) }

/// Ends the process with that status.
package func exitProcess(_ status: Int32) -> Never { exit(status) }
