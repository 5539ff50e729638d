import HelperCore
import Synchronization

/// What happened to every API key of a run, told by 3scale's changes and by what people asked and were answered. It knows which keys
/// must work at which time without asking the helper.
final class KeyLedger: Sendable {
    /// An application, as far as it was ever there.
    private struct Entry: Sendable {
        let owner: OwnerMark
        let service: Int
        let name: KeyName
        let generation: Int
        let madeAt: Int
        var state: Application.State
        var expiresAt: Int?
        var grace: Int
        var isConfirmed: Bool
        /// In ticks, as the next one.
        var confirmedAt: Int?
        var liveAt: Int?
        var isDeleted = false
        /// A person was answered that it works.
        var isAnswered = false
        /// Its owner or the operator stopped it, or may have, or its time was over when it was stopped.
        var isExcused = false
        var isSuspendedByOperator = false
        /// A call suspended it and no seal of a pause is on it, which is how the operator's suspension looks.
        var isStoppedUnsealed = false
        /// The operator suspended it before its end.
        var isHeld = false
        /// Its end had come when the seal of its end was written.
        var isSealedRightly = false
        /// The sweep suspended it, and no other call has changed it since.
        var isEndedBySweep = false
        /// When its end was moved, in ticks, as the next one.
        var movedAt: Int?
        var suspendedAt: Int?
        /// The operator let it work again, whatever came after it.
        var isResumedByOperator = false
        /// Calls under way that stop it.
        var stops = 0
        /// Such a call ended without an answer, so that 3scale may carry it out at any time.
        var isUnsure = false

        var looksSuspendedByOperator: Bool { isSuspendedByOperator || isStoppedUnsealed }

        mutating func countAsHelpers() {
            isSuspendedByOperator = false
            isStoppedUnsealed = false
        }
    }

    private struct Book: Sendable {
        var entries: [Int: Entry] = [:]
        /// What rotations of an application answered.
        var successors: [Int: Int] = [:]
        var disturbedUntil = 0
        var problems: [String] = []
        var stopped = 0
        var retired = 0
    }

    /// 3scale tells whole seconds, and an author may take 1.5 s from a create to its confirmation.
    private static let tolerance = 2_700
    private static let sweepTicks = 60_000

    private let rules: KeyRules
    private let time: SimulatedTime
    private let book = Mutex(Book())

    init(rules: KeyRules, time: SimulatedTime) {
        self.rules = rules
        self.time = time
    }

    var problems: [String] { book.withLock { $0.problems } }
    /// Keys that were stopped, and those of them that a newer generation retired.
    var stops: (all: Int, retired: Int) { book.withLock { ($0.stopped, $0.retired) } }

    func problem(_ text: String) {
        let now = time.now
        book.withLock { $0.problems.append("at \(now): \(text)") }
    }

    /// No replica may know until then what it has to do.
    func disturb(for ticks: Int = 0) {
        let until = time.now + ticks
        book.withLock { $0.disturbedUntil = max($0.disturbedUntil, until) }
    }

    // MARK: What people ask and are answered

    /// A call begins that stops a key, and the generations before it where it revokes.
    func begin(stopping id: Int, andOlder: Bool) -> [Int] {
        book.withLock { book in
            guard let entry = book.entries[id] else { return [] }
            let all = book.entries.filter { other in
                other.key == id
                    || andOlder && entry.state != .pending && Self.isSameName(other.value, entry)
                        && other.value.generation < entry.generation
            }.map(\.key)
            for id in all {
                book.entries[id]?.stops += 1
                book.entries[id]?.isExcused = true
            }
            return all
        }
    }

    func end(stopping ids: [Int], isKnown: Bool) {
        book.withLock { book in
            for id in ids {
                book.entries[id]?.stops -= 1
                if !isKnown { book.entries[id]?.isUnsure = true }
            }
        }
    }

    /// A person was answered the state of a key.
    func answer(_ id: Int, _ state: KeyState) {
        guard state == .live || state == .retiring else { return }
        let now = time.now
        book.withLock { book in
            guard var entry = book.entries[id], entry.stops == 0, !entry.isUnsure, !entry.looksSuspendedByOperator
            else {
                return
            }
            entry.isAnswered = true
            let works = entry.state == .live && !entry.isDeleted
            if works { entry.isExcused = false }
            book.entries[id] = entry
            if !works, !entry.isExcused { book.problems.append("at \(now): \(id) was answered \(state) and is not") }
        }
    }

    func rotated(_ id: Int, to successor: Int) {
        let now = time.now
        book.withLock { book in
            if let before = book.successors[id], before != successor, book.entries[before]?.isDeleted != true {
                book.problems.append("at \(now): rotating \(id) answered \(before), then \(successor)")
            }
            book.successors[id] = successor
        }
    }

    func suspendedByOperator(_ id: Int, _ isSuspended: Bool) {
        book.withLock { book in
            book.entries[id]?.isSuspendedByOperator = isSuspended
            book.entries[id]?.isExcused = true
            if !isSuspended {
                book.entries[id]?.isStoppedUnsealed = false
                book.entries[id]?.isResumedByOperator = true
            }
        }
    }

    /// A person changes what alone tells when the operator approved an application: the grace of the one before begins again.
    func approvalMoved(_ id: Int) {
        let now = time.now
        book.withLock { $0.entries[id]?.liveAt = now }
    }

    // MARK: What 3scale changes

    func watch(
        _ before: [SimulatedThreeScale.Stored], _ after: [SimulatedThreeScale.Stored], _ actor: CallOwner
    ) {
        let old = Dictionary(uniqueKeysWithValues: before.map { ($0.application.id, $0.application) })
        let new = Dictionary(uniqueKeysWithValues: after.map { ($0.application.id, $0.application) })
        let now = time.now
        book.withLock { book in
            for id in Set(old.keys).union(new.keys).sorted() where old[id] != new[id] {
                let owner = old[id]?.owner ?? new[id]?.owner
                if case .caller(let mark) = actor, owner != mark {
                    book.problems.append("at \(now): \(mark) changed \(id) of \(owner.map { "\($0)" } ?? "no owner")")
                }
                if old[id]?.state == .live, new[id]?.state != .live {
                    stop(id, isPaused: new[id]?.mark?.hasSeal == true, &book, actor, now)
                }
                hold(id, old[id], new[id], &book, actor, now)
                update(id, new[id], &book, now)
            }
            checkNames(&book, now)
            checkEnds(&book, now)
        }
    }

    /// What the operator suspended before its end stays, whatever becomes of its end. In the moment of its owner's pause or
    /// revocation, or of the helper's own suspension, it counts as theirs. That moment lasts for the window of the seal, whatever
    /// became of the suspension that the seal was written for: 3scale shows what it shows of one that it carried out late.
    private func hold(
        _ id: Int, _ old: Application?, _ new: Application?, _ book: inout Book, _ actor: CallOwner, _ now: Int
    ) {
        guard let entry = book.entries[id] else { return }
        guard let new, let mark = new.mark else {
            if entry.isHeld {
                book.problems.append("at \(now): \(id), which the operator suspended, was deleted by \(actor)")
            }
            return
        }
        checkResumption(id, entry, old, new, &book, actor, now)
        if mark.seal(for: .end) != old?.mark?.seal(for: .end) {
            let isMoved = entry.movedAt.map { now - $0 < 1_000 } ?? false
            let isOver = end(entry, book).map { $0 - Self.tolerance <= now } ?? false
            book.entries[id]?.isSealedRightly = isOver || isMoved
        }
        let isStopped = old?.state == .live && new.state == .suspended
        let isEnd = isWithinWindow(of: .end, mark, now) && book.entries[id]?.isSealedRightly == true
        let isSealed = isEnd || isWithinWindow(of: .pause, mark, now)
        if isStopped, isSealed { book.entries[id]?.countAsHelpers() }
        if isStopped, actor == .background, isEnd || !entry.looksSuspendedByOperator {
            book.entries[id]?.isEndedBySweep = true
        } else if actor != .background || new.state != .suspended || mark.seal(for: .pause) != nil {
            book.entries[id]?.isEndedBySweep = false
        }
        guard new.state == .suspended else {
            book.entries[id]?.isHeld = false
            return
        }
        guard isStopped, actor == .background, !isSealed, entry.looksSuspendedByOperator, entry.stops == 0,
            !entry.isUnsure
        else { return }
        let isOver = end(entry, book).map { $0 - Self.tolerance <= now } ?? false
        book.entries[id]?.isHeld = !isOver
    }

    /// An owner's call resumes nothing that the operator suspended, and nothing whose seal would count for the operator's next suspension.
    private func checkResumption(
        _ id: Int, _ entry: Entry, _ old: Application?, _ new: Application, _ book: inout Book, _ actor: CallOwner,
        _ now: Int
    ) {
        guard case .caller = actor, let old, old.state == .suspended, new.state == .live else { return }
        if entry.isHeld {
            book.problems.append("at \(now): \(id), which the operator suspended, was resumed by \(actor)")
        }
        guard let mark = old.mark else { return }
        for purpose in PauseSeal.Purpose.allCases where isWithinWindow(of: purpose, mark, now) {
            book.problems.append("at \(now): \(id) was resumed by \(actor) within the window of its \(purpose)")
        }
    }

    /// Whether the helper wrote a seal so recently that a suspension of now may be what it was written for. The time of a seal may be
    /// a second ahead.
    private func isWithinWindow(of purpose: PauseSeal.Purpose, _ mark: ApplicationMark, _ now: Int) -> Bool {
        guard let text = mark.seal(for: purpose), let time = text.split(separator: ".").first.flatMap({ Int($0) })
        else { return false }
        return (-1...purpose.window).contains(SimulatedThreeScale.began + now / 1_000 - time)
    }

    private func update(_ id: Int, _ application: Application?, _ book: inout Book, _ now: Int) {
        guard let application else {
            book.entries[id]?.isDeleted = true
            return
        }
        guard let mark = application.mark else { return }
        var entry =
            book.entries[id]
            ?? Entry(
                owner: mark.owner, service: application.serviceID, name: mark.name, generation: mark.generation,
                madeAt: now, state: application.state, grace: 0, isConfirmed: false)
        entry.state = application.state
        let before = entry.expiresAt
        entry.expiresAt = mark.expiresAt.map { ($0 - SimulatedThreeScale.began) * 1_000 }
        if entry.expiresAt != before { entry.movedAt = now }
        entry.grace = min(mark.graceSeconds ?? rules.grace, rules.graceMax) * 1_000
        entry.isConfirmed = mark.isConfirmed
        // A confirmation that was carried out late had taken the seal away, and the pause wrote it again.
        if mark.seal(for: .pause) != nil { entry.isStoppedUnsealed = false }
        if mark.isConfirmed, entry.confirmedAt == nil { entry.confirmedAt = now }
        if entry.liveAt == nil, application.state == .live { entry.liveAt = now }
        book.entries[id] = entry
    }

    private func stop(_ id: Int, isPaused: Bool, _ book: inout Book, _ actor: CallOwner, _ now: Int) {
        guard let entry = book.entries[id] else { return }
        book.stopped += 1
        let end = end(entry, book)
        if let retirement = retirement(entry, book), retirement <= now { book.retired += 1 }
        // A sweep may have listed it before.
        let isMoved = actor == .background && entry.movedAt.map { now - $0 < 1_000 } ?? false
        let mayStop =
            isMoved || entry.isExcused || !entry.isConfirmed || end.map { $0 - Self.tolerance <= now } ?? false
        if !mayStop {
            book.problems.append(
                "at \(now): \(id) (\(entry.name) \(entry.generation)) was stopped by \(actor), its end is "
                    + (end.map { "\($0)" } ?? "nowhere"))
        }
        book.entries[id]?.isExcused = true
        // A revocation that was interrupted looks like the operator's suspension.
        book.entries[id]?.suspendedAt = now
        if actor != .background, !isPaused { book.entries[id]?.isStoppedUnsealed = true }
    }

    // MARK: What must hold

    private static func isSameName(_ one: Entry, _ other: Entry) -> Bool {
        one.owner == other.owner && one.service == other.service && one.name == other.name
    }

    /// The first time at which a newer generation has been live for its grace.
    private func retirement(_ entry: Entry, _ book: Book) -> Int? {
        book.entries.values.compactMap { other -> Int? in
            // What was made before belongs to a key of that name that was revoked.
            guard Self.isSameName(other, entry), other.generation > entry.generation, other.madeAt > entry.madeAt,
                !other.looksSuspendedByOperator || isRecent(other), let liveAt = other.liveAt,
                let confirmedAt = other.confirmedAt
            else { return nil }
            return max(liveAt, confirmedAt) + other.grace
        }.min()
    }

    /// A sweep may have listed it before.
    private func isRecent(_ entry: Entry) -> Bool { entry.suspendedAt.map { time.now - $0 < 1_000 } ?? false }

    private func end(_ entry: Entry, _ book: Book) -> Int? {
        [entry.expiresAt, retirement(entry, book)].compactMap(\.self).min()
    }

    /// Each name that was answered, and whose newest generation was not stopped and is not over, has a key that works.
    private func checkNames(_ book: inout Book, _ now: Int) {
        for (id, entry) in book.entries where entry.isAnswered && !entry.isExcused && entry.isConfirmed {
            let isNewest = !book.entries.values.contains {
                Self.isSameName($0, entry) && $0.generation > entry.generation && $0.isConfirmed && $0.liveAt != nil
            }
            guard isNewest, entry.expiresAt.map({ $0 > now }) ?? true else { continue }
            let works = book.entries.values.contains {
                Self.isSameName($0, entry) && $0.state == .live && !$0.isDeleted
            }
            if !works { book.problems.append("at \(now): nothing works for \(entry.name), whose key was \(id)") }
        }
    }

    /// A key whose time is over is stopped within a minute.
    private func checkEnds(_ book: inout Book, _ now: Int) {
        for (id, entry) in book.entries where entry.state == .live && !entry.isDeleted && entry.isConfirmed {
            guard !entry.isResumedByOperator, let end = end(entry, book) else { continue }
            let latest = max(end, entry.confirmedAt ?? 0, book.disturbedUntil) + Self.sweepTicks + Self.tolerance
            if latest < now {
                book.problems.append(
                    "at \(now): \(id) (\(entry.name) \(entry.generation)) works on, it ended at \(end)")
            }
        }
    }

    /// Applications that were answered, and that must work.
    func check() {
        let now = time.now
        book.withLock { book in
            checkNames(&book, now)
            checkEnds(&book, now)
            for (id, entry) in book.entries where entry.isAnswered && !entry.isExcused && !entry.isDeleted {
                let isOver = end(entry, book).map { $0 - Self.tolerance <= now } ?? false
                if entry.state != .live, !isOver { book.problems.append("at \(now): \(id) does not work") }
            }
        }
    }

    /// When everything that was under way is over: one generation of a name works, and what ended a day ago is gone.
    func checkRest() {
        check()
        let now = time.now
        book.withLock { book in
            let there = book.entries.filter { !$0.value.isDeleted && $0.value.isConfirmed }
            for (id, entry) in there where entry.state == .live && !entry.isResumedByOperator {
                let newer = there.filter {
                    Self.isSameName($0.value, entry) && $0.value.generation > entry.generation
                        && $0.value.liveAt != nil && !$0.value.looksSuspendedByOperator
                }
                if !newer.isEmpty { book.problems.append("at \(now): \(id) works beside \(newer.keys.sorted())") }
            }
        }
    }

    /// What the sweep suspended is gone a day later.
    func checkEnded() {
        let now = time.now
        book.withLock { book in
            for (id, entry) in book.entries where entry.isEndedBySweep && !entry.isDeleted && entry.state == .suspended
            {
                guard let suspendedAt = entry.suspendedAt, suspendedAt < now - 30 * 3_600_000 else { continue }
                book.problems.append("at \(now): \(id) ended at \(suspendedAt) and is still there")
            }
        }
    }

    /// Whether a person may edit its description, as far as this book can tell what follows.
    func isEditable(_ id: Int) -> Bool {
        book.withLock { book in
            guard let entry = book.entries[id], entry.isConfirmed, !entry.isDeleted, entry.stops == 0 else {
                return false
            }
            return entry.isHeld || (entry.state == .live && !entry.isUnsure)
        }
    }

    /// Of a person: the names whose key must be what an undisturbed call answers.
    func working(of owner: OwnerMark) -> [Int] {
        book.withLock { book in
            book.entries.filter { _, entry in
                entry.owner == owner && entry.state == .live && entry.isConfirmed && !entry.isDeleted
            }.map(\.key).sorted()
        }
    }

    func name(of id: Int) -> (name: KeyName, service: Int)? {
        book.withLock { book in book.entries[id].map { ($0.name, $0.service) } }
    }
}
