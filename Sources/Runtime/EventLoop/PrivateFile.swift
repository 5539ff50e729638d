import Glibc

/// Files that only their owner may read, such as those with tokens. Everything here blocks: not for a loop.
package enum PrivateFile {
    /// Why a file is not used.
    package enum Problem: Error, Sendable, Equatable, CustomStringConvertible {
        case symbolicLink(String)
        case notRegular(String)
        case ownedByAnother(String)
        case openToOthers(String, mode: UInt32)
        case tooLarge(String)
        /// Another process holds the lock for longer than the wait.
        case locked(String)
        case system(String, path: String, code: Int32)

        package var description: String {
            switch self {
            case .symbolicLink(let path): "\(path) is a symbolic link"
            case .notRegular(let path): "\(path) is not a regular file"
            case .ownedByAnother(let path): "\(path) belongs to another user"
            case .openToOthers(let path, let mode):
                "\(path) is open to other users (mode \(String(mode, radix: 8)))"
            case .tooLarge(let path): "\(path) is larger than any file of its kind"
            case .locked(let path): "\(path) is locked by another process"
            case .system(let what, let path, let code):
                "cannot \(what) \(path): \(unsafe String(cString: strerror(code)))"
            }
        }

        /// Whether there is no room for the file: a full disk, a quota, a limit of the process.
        package var isNoSpace: Bool {
            if case .system(_, _, let code) = self { [ENOSPC, EDQUOT, EFBIG].contains(code) } else { false }
        }
    }

    private static let othersMask: UInt32 = 0o077
    private static let othersWriteMask: UInt32 = 0o022

    /// Returns the bytes of a file that only its owner, who is the caller, may read; nil where there is none.
    /// - Parameter whateverMode: reads one that others may read too.
    /// - Throws: for a symbolic link, another owner, a mode that lets others in, more than `bytesMax` bytes.
    package static func read(
        _ path: String, bytesMax: Int = 256 * 1024, whateverMode: Bool = false
    ) throws(Problem) -> [UInt8]? {
        // Without O_NONBLOCK a named pipe in the file's place would hold us up.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard descriptor >= 0 else {
            switch lastErrno() {
            case ENOENT, ENOTDIR: return nil
            case ELOOP: throw .symbolicLink(path)
            case let code: throw .system("open", path: path, code: code)
            }
        }
        defer { close(descriptor) }
        try check(descriptor, path, whateverMode)
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 16 * 1024)
        while true {
            let count = unsafe Glibc.read(descriptor, &piece, piece.count)
            if count > 0 {
                bytes += piece[..<count]
                if bytes.count > bytesMax { throw .tooLarge(path) }
            } else if count == 0 {
                return bytes
            } else if lastErrno() != EINTR {
                throw .system("read", path: path, code: lastErrno())
            }
        }
    }

    private static func check(_ descriptor: Int32, _ path: String, _ whateverMode: Bool) throws(Problem) {
        var facts = stat()
        guard unsafe fstat(descriptor, &facts) == 0 else { throw .system("examine", path: path, code: lastErrno()) }
        guard facts.st_mode & S_IFMT == S_IFREG else { throw .notRegular(path) }
        guard facts.st_uid == geteuid() else { throw .ownedByAnother(path) }
        guard whateverMode || facts.st_mode & othersMask == 0 else {
            throw .openToOthers(path, mode: facts.st_mode & 0o7777)
        }
    }

    /// Checks that a file can be put in the place of what is there: a regular file or nothing.
    package static func checkReplaceable(_ path: String) throws(Problem) {
        var facts = stat()
        guard unsafe lstat(path, &facts) == 0 else { return }
        switch facts.st_mode & S_IFMT {
        case S_IFREG: return
        case S_IFLNK: throw .symbolicLink(path)
        default: throw .notRegular(path)
        }
    }

    /// Makes a folder that only its owner enters, with the folders above it.
    /// - Throws: where the folder belongs to another user, or others may write into it.
    package static func makeFolder(_ path: String) throws(Problem) {
        var facts = stat()
        if unsafe stat(path, &facts) == 0 {
            guard facts.st_mode & S_IFMT == S_IFDIR else { throw .system("use", path: path, code: ENOTDIR) }
            guard facts.st_uid == geteuid() else { throw .ownedByAnother(path) }
            guard facts.st_mode & othersWriteMask == 0 else {
                throw .openToOthers(path, mode: facts.st_mode & 0o7777)
            }
            return
        }
        guard lastErrno() == ENOENT else { throw .system("examine", path: path, code: lastErrno()) }
        if let slash = path.lastIndex(of: "/"), slash > path.startIndex { try makeParent(String(path[..<slash])) }
        guard unsafe mkdir(path, 0o700) == 0 || lastErrno() == EEXIST else {
            throw .system("make", path: path, code: lastErrno())
        }
    }

    /// A folder above: the system's, and none of ours to judge.
    private static func makeParent(_ path: String) throws(Problem) {
        var facts = stat()
        if unsafe stat(path, &facts) == 0 { return }
        if let slash = path.lastIndex(of: "/"), slash > path.startIndex { try makeParent(String(path[..<slash])) }
        guard unsafe mkdir(path, 0o700) == 0 || lastErrno() == EEXIST else {
            throw .system("make", path: path, code: lastErrno())
        }
    }

    /// Removes a file, or a link in its place; false where there is none.
    @discardableResult
    package static func remove(_ path: String) throws(Problem) -> Bool {
        if unsafe unlink(path) == 0 { return true }
        guard lastErrno() == ENOENT || lastErrno() == ENOTDIR else {
            throw .system("remove", path: path, code: lastErrno())
        }
        return false
    }
}

/// A lock that other processes respect (flock(2)). Its file stays; a process that ends releases it.
package struct FileLock: Sendable {
    private static let pause: UInt32 = 20_000

    private let descriptor: Int32

    /// Waits for the lock, which the caller releases. Blocks: not for a loop.
    /// - Parameter seconds: how long it waits for another process.
    package init(_ path: String, waiting seconds: Int) throws(PrivateFile.Problem) {
        let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
        guard descriptor >= 0 else {
            throw lastErrno() == ELOOP
                ? .symbolicLink(path) : .system("open", path: path, code: lastErrno())
        }
        let end = EventLoop.nanoseconds() + UInt64(max(0, seconds)) * 1_000_000_000
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            let code = lastErrno()
            guard code == EWOULDBLOCK || code == EINTR else {
                close(descriptor)
                throw .system("lock", path: path, code: code)
            }
            guard EventLoop.nanoseconds() < end else {
                close(descriptor)
                throw .locked(path)
            }
            usleep(Self.pause)
        }
        self.descriptor = descriptor
    }

    /// Call once.
    package func release() { close(descriptor) }
}

/// The next content of a private file. Room for it is taken before anything else is done, so that a full disk shows while the
/// old content still counts; the old file stays until the new one is whole on disk. Needs a lock: two at once would share one
/// temporary file. Everything blocks.
package final class PrivateFileReplacement {
    private let path: String
    private let temporary: String
    /// -1 when it is done.
    private var descriptor: Int32

    /// - Parameters:
    ///   - count: bytes that the content may have.
    ///   - suffix: of the temporary file's name, which is removed first.
    package init(_ path: String, reserving count: Int, suffix: String = ".new") throws(PrivateFile.Problem) {
        self.path = path
        temporary = path + suffix
        // What a process left that was killed here; or a link, which is removed and not followed.
        try PrivateFile.remove(temporary)
        descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw .system("make", path: temporary, code: lastErrno()) }
        let code = posix_fallocate(descriptor, 0, count)
        guard code == 0 else { throw .system("reserve room for", path: path, code: code) }
    }

    deinit { abandon() }

    private func abandon() {
        guard descriptor >= 0 else { return }
        close(descriptor)
        descriptor = -1
        _ = unsafe unlink(temporary)
    }

    /// Puts the content in the file's place.
    package func commit(_ bytes: [UInt8]) throws(PrivateFile.Problem) {
        precondition(descriptor >= 0, "Invalid state: committed twice")
        do throws(PrivateFile.Problem) {
            try write(bytes)
            guard fchmod(descriptor, 0o600) == 0, ftruncate(descriptor, bytes.count) == 0, fsync(descriptor) == 0,
                unsafe rename(temporary, path) == 0
            else { throw .system("write", path: path, code: lastErrno()) }
        } catch {
            abandon()
            throw error
        }
        close(descriptor)
        descriptor = -1
    }

    private func write(_ bytes: [UInt8]) throws(PrivateFile.Problem) {
        var offset = 0
        let code = writeAll(bytes, from: &offset, to: descriptor)
        guard code == 0 else { throw .system("write", path: path, code: code) }
    }
}
