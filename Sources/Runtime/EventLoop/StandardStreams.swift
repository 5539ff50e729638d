import Glibc

/// The process's own streams, for programs that talk to people: data on standard output, talk on standard error.
package enum StandardStreams {
    package static var outputIsTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    /// Writes a line to standard output. Blocks; not from a loop.
    package static func output(_ line: String) { write(line, STDOUT_FILENO) }

    /// Writes a line to standard error. Blocks; not from a loop.
    package static func error(_ line: String) { write(line, STDERR_FILENO) }

    private static func write(_ line: String, _ descriptor: Int32) {
        let bytes = Array(line.utf8) + (line.hasSuffix("\n") ? [] : [0x0A])
        var offset = 0
        while offset < bytes.count {
            let count = unsafe bytes.withUnsafeBufferPointer { buffer in
                unsafe Glibc.write(descriptor, buffer.baseAddress! + offset, bytes.count - offset)
            }
            if count > 0 {
                offset += count
            } else if lastErrno() != EINTR {
                return
            }
        }
    }
}

/// Ends the process now, without finishing anything.
package func exitNow() -> Never { _exit(1) }

/// Ends the process with that status.
package func exitProcess(_ status: Int32) -> Never { exit(status) }
