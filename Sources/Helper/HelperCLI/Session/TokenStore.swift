import Bytes
import Crypto
import EventLoop

/// The sign-ins of this user, one file for each server, with mode 0600 in a folder that only the user enters.
struct TokenStore: Sendable {
    /// Room that is taken before a token is renewed: more than any answer needs.
    private static let reservedBytes = 64 * 1024
    /// Longer than another process may take for its own renewal.
    private static let lockSeconds = 45
    private static let digestDigits = 32

    let folder: String

    init(_ settings: CLISettings) throws(CommandFailure) {
        guard let folder = settings.stateFolder else {
            throw CommandFailure(
                .failed, "There is no folder for the sign-in.",
                hints: ["Set HOME or XDG_STATE_HOME to an absolute path."])
        }
        self.folder = folder
    }

    private func path(_ server: String) -> String {
        folder + "/" + Hex.encode(SHA256.hash(Array(server.utf8))).prefix(Self.digestDigits) + ".json"
    }

    private var lastServerPath: String { folder + "/server" }

    /// Nil where there is none.
    /// - Parameter endsIt: for the end of a sign-in, which must be possible with a file that others may read.
    func read(_ server: String, endsIt: Bool = false) throws(CommandFailure) -> TokenRecord? {
        let path = path(server)
        let bytes: [UInt8]?
        do throws(PrivateFile.Problem) {
            bytes = try PrivateFile.read(path, whateverMode: endsIt)
        } catch {
            throw Self.failure(error, path)
        }
        guard let bytes else { return nil }
        guard let record = TokenRecord(bytes), record.server == server else {
            throw CommandFailure(.signIn, "The sign-in in \(path) is damaged.", hints: ["Sign in again: mlaas login"])
        }
        return record
    }

    /// The server that was signed in to last.
    func lastServer() -> String? {
        guard let bytes = try? PrivateFile.read(lastServerPath, bytesMax: 4_096) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Holds the lock of a server's sign-in while the work lasts, which may read and replace it.
    func locked<Value: Sendable>(
        _ server: String, _ work: () async throws(CommandFailure) -> Value
    ) async throws(CommandFailure) -> Value {
        let lock: FileLock
        let path = path(server)
        do throws(PrivateFile.Problem) {
            try PrivateFile.makeFolder(folder)
            lock = try FileLock(path + ".lock", waiting: Self.lockSeconds)
        } catch {
            throw Self.failure(error, path)
        }
        defer { lock.release() }
        return try await work()
    }

    /// Takes room on the disk for a record; under the lock.
    func replacement(_ server: String) throws(CommandFailure) -> PrivateFileReplacement {
        do throws(PrivateFile.Problem) {
            return try PrivateFileReplacement(path(server), reserving: Self.reservedBytes)
        } catch {
            throw Self.failure(error, path(server))
        }
    }

    /// Puts a record in the place that was reserved for it.
    func commit(_ record: TokenRecord, _ replacement: PrivateFileReplacement) throws(CommandFailure) {
        do throws(PrivateFile.Problem) {
            try replacement.commit(record.encoded)
        } catch {
            throw Self.failure(error, path(record.server))
        }
    }

    /// Makes commands use a server that is not named. Takes the lock of that file: the lock of a sign-in keeps no sign-in
    /// to another server away.
    func use(_ server: String) throws(CommandFailure) {
        do throws(PrivateFile.Problem) {
            let lock = try FileLock(lastServerPath + ".lock", waiting: Self.lockSeconds)
            defer { lock.release() }
            try PrivateFileReplacement(lastServerPath, reserving: 1).commit(Array(server.utf8))
        } catch {
            throw Self.failure(error, lastServerPath)
        }
    }

    /// Removes a sign-in; under the lock.
    @discardableResult
    func remove(_ server: String) throws(CommandFailure) -> Bool {
        do throws(PrivateFile.Problem) {
            return try PrivateFile.remove(path(server))
        } catch {
            throw Self.failure(error, path(server))
        }
    }

    private static func failure(_ problem: PrivateFile.Problem, _ path: String) -> CommandFailure {
        switch problem {
        case .symbolicLink:
            CommandFailure(
                .failed, "\(problem), which another user may have put there: it is not used.",
                hints: ["Sign in again, which replaces the link: mlaas login"])
        case .openToOthers(let open, _) where open == path:
            CommandFailure(
                .failed, "\(problem), who may have read the tokens: it is not used.",
                hints: ["End that session and sign in again: mlaas logout, then mlaas login"])
        case .openToOthers(let open, _):
            CommandFailure(.failed, "\(problem): no token is kept there.", hints: ["Run: chmod 700 \(open)"])
        case .locked:
            CommandFailure(
                .failed, "Another mlaas has held the sign-in for a long time.",
                hints: ["Look for a command that hangs, and end it."])
        case _ where problem.isNoSpace:
            CommandFailure(
                .failed, "\(problem). The sign-in from before is kept.",
                hints: ["Make room on that disk, then run the command again."])
        default: CommandFailure(.failed, "\(problem).")
        }
    }
}
