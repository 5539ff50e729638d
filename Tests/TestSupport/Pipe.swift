import Glibc
import Synchronization

/// Held where a program is started and where descriptors are made that it must not inherit: there is no `pipe2` here, which
/// would make and mark them in one step.
let inheriting = Mutex(())

/// The reading and the writing end of a new pipe. No program that another test starts meanwhile inherits them: it would be one
/// more reader.
package func pipeEnds() throws -> [Int32] {
    try inheriting.withLock { _ in
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw PipeFailed(number: errno) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return ends
    }
}

package struct PipeFailed: Error {
    /// What `errno` was.
    package let number: Int32
}
