package import HelperCore
import Synchronization

/// The sessions that ended before their cookies expire. A cookie cannot be called back, so its session's marks are kept until
/// it is good no more.
///
/// Bounded: when more end at once, the oldest end is forgotten first, and its cookie is good for the rest of its minutes.
package final class EndedSessions: Sendable {
    private struct End: Sendable {
        let mark: OwnerMark
        let at: Int
    }

    private struct State: Sendable {
        /// When the sessions of a mark ended last, in seconds since 1970.
        var ends: [OwnerMark: Int] = [:]
        /// In the order in which they came; a mark that ended again is there again.
        var order: [End] = []
        /// Of `order`, how many are over.
        var forgotten = 0
    }

    private let lifetime: Int
    private let marksMax: Int
    private let state = Mutex(State())

    /// - Parameters:
    ///   - lifetime: seconds for which a cookie is good after it was made.
    ///   - marksMax: about 80 bytes each.
    package init(lifetime: Int, marksMax: Int = 65_536) {
        self.lifetime = lifetime
        self.marksMax = marksMax
    }

    /// Ends what was made under the mark until now.
    /// - Returns: false when it had ended in the same second or later.
    @discardableResult
    package func end(_ mark: OwnerMark, now: Int) -> Bool {
        state.withLock { state in
            forget(&state, now)
            if let before = state.ends[mark], before >= now { return false }
            state.ends[mark] = now
            state.order.append(End(mark: mark, at: now))
            return true
        }
    }

    /// Whether something of a mark that was made at a time has ended since.
    func hasEnded(_ mark: OwnerMark, madeAt: Int) -> Bool {
        state.withLock { $0.ends[mark].map { $0 >= madeAt } ?? false }
    }

    func hasEnded(_ session: PortalSession) -> Bool {
        state.withLock { state in
            guard !state.ends.isEmpty else { return false }
            return session.marks.contains { state.ends[$0].map { $0 >= session.issuedAt } ?? false }
        }
    }

    private func forget(_ state: inout State, _ now: Int) {
        while state.forgotten < state.order.count {
            let end = state.order[state.forgotten]
            guard now - end.at > lifetime || state.order.count - state.forgotten >= marksMax else { break }
            if state.ends[end.mark] == end.at { state.ends[end.mark] = nil }
            state.forgotten += 1
        }
        if state.forgotten > 1_024, state.forgotten * 2 > state.order.count {
            state.order.removeFirst(state.forgotten)
            state.forgotten = 0
        }
    }
}
