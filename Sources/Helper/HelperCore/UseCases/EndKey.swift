/// Suspends a key whose time is over, so that 3scale tells ever after that the helper did it.
///
/// The seal is written first. A process that dies after it leaves a key that works, and the next look ends it. One that dies after
/// the suspension leaves a key that counts as ended. An operator who suspends the key between the two has suspended what was over.
package struct EndKey: Sendable {
    package enum Outcome: Sendable {
        case ended
        /// Its owner moved the end meanwhile, and may resume it.
        case paused
        /// Others changed it after the suspension, and nothing was done.
        case leftAlone
    }

    /// The key was suspended, and what has to follow could not be done.
    package struct Unfinished: Error {
        package let cause: APIManagerError
        package let suspended: Application
    }

    private let manager: any KeyManager
    private let seal: PauseSeal
    private let writer: SealWriter

    /// - Parameter now: seconds since 1970, where 3scale does not tell its time.
    package init(manager: any KeyManager, seal: PauseSeal, now: @escaping @Sendable () -> Int) {
        self.manager = manager
        self.seal = seal
        writer = SealWriter(manager: manager, seal: seal, now: now)
    }

    /// - Parameter isOver: whether the time of the key is over by what its account lists.
    /// - Throws: `APIManagerError`, `Unfinished`.
    package func callAsFunction(
        _ key: NamedKeys.Key, isOver: ([Application]) -> Bool
    ) async throws -> Outcome {
        guard let mark = key.pinnedMark else { return .leftAlone }
        let application = key.application
        let written: Application
        do throws(APIManagerError) {
            written = try await writer.describe(application, mark, for: .end)
        } catch {
            // A person has made the description as long as 3scale takes. The key then counts as suspended by the operator.
            guard error.refuses("description") else { throw error }
            _ = try await manager.suspend(application: application.id, account: application.accountID)
            return .ended
        }
        let suspended = try await manager.suspend(application: application.id, account: application.accountID)
        guard suspended.description != written.description || !seal.vouches(for: suspended, .end) else {
            return .ended
        }
        return try await settle(suspended, isOver: isOver)
    }

    /// Decides what a suspension was whose seal does not count, because its owner changed the description meanwhile or 3scale was slow:
    /// the end, or a pause where the owner moved the end. It does not resume the key, since the window of the seal must be over first.
    /// - Parameter suspended: as the suspension left it. When it has changed since, it is left alone.
    package func settle(_ suspended: Application, isOver: ([Application]) -> Bool) async throws(Unfinished) -> Outcome {
        do throws(APIManagerError) {
            let listed = try await manager.applications(account: suspended.accountID)
            guard let found = listed.first(where: { $0.id == suspended.id }), let mark = found.mark,
                found.state == .suspended, found.updatedAt == suspended.updatedAt
            else { return .leftAlone }
            let live = listed.map { $0.id == found.id ? $0.inState(.live) : $0 }
            guard isOver(live) else {
                // Its window is waited for before the key is resumed.
                _ = try await writer.describe(found, mark.sealed(PauseSeal.void, for: .end), for: .pause)
                return .paused
            }
            _ = try await writer.describe(found, mark, for: .end)
            return .ended
        } catch {
            throw Unfinished(cause: error, suspended: suspended)
        }
    }
}

/// Writes descriptions with a seal.
struct SealWriter: Sendable {
    private static let attemptsMax = 3

    let manager: any KeyManager
    let seal: PauseSeal
    /// Seconds since 1970, where 3scale does not tell its time.
    let now: @Sendable () -> Int

    /// Writes a description with a seal that is as old as the write.
    func describe(
        _ application: Application, _ mark: ApplicationMark, for purpose: PauseSeal.Purpose
    ) async throws(APIManagerError) -> Application {
        var time = application.shownAt ?? now()
        var attempt = 1
        while true {
            let sealed = seal.sealed(mark, application: application.id, at: time, for: purpose)
            let written = try await manager.describe(
                application: application.id, account: application.accountID, description: sealed.description)
            guard let updatedAt = written.updatedAt, abs(updatedAt - time) > 1, attempt < Self.attemptsMax else {
                return written
            }
            time = updatedAt
            attempt += 1
        }
    }
}
