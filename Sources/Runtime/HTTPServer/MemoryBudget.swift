import Synchronization

/// How many bytes a program may hold for its clients: heads, bodies, answers that have not been taken, and what each
/// connection costs by itself. Shared by every loop of every server that has it.
///
/// Each loop counts exactly what it holds and reserves it here in coarse steps, so the sum is known to within a few steps a
/// loop without a shared write for each request.
package final class MemoryBudget: Sendable {
    /// Bytes.
    package let limit: Int
    private let reservedBytes = Atomic<Int>(0)
    private let releasedAt = Atomic<UInt64>(0)
    private let members = Mutex<[ObjectIdentifier: @Sendable () -> Void]>([:])
    private let isAsking = Atomic<Bool>(false)

    /// - Parameter limit: bytes, at least one step of each loop.
    package init(limit: Int = 64 * 1024 * 1024) { self.limit = limit }

    /// The reserved bytes: those held, to within a few steps a loop.
    package var reserved: Int { reservedBytes.load(ordering: .relaxed) }

    var isExceeded: Bool { reserved > limit }

    /// Below this no client is refused any more: a sixteenth is freed at a time, so that looking for those who hold most stays
    /// rare.
    var calm: Int { limit - limit / 16 }

    /// What one member may hold while the budget is used up.
    var share: Int { limit / max(1, members.withLock { $0.count }) }

    func reserve(_ bytes: Int) { reservedBytes.wrappingAdd(bytes, ordering: .relaxed) }

    /// - Parameter relieve: asks a member to free what it holds above its share; called from any thread.
    func join(_ member: AnyObject, relieve: @escaping @Sendable () -> Void) {
        members.withLock { $0[ObjectIdentifier(member)] = relieve }
    }

    func leave(_ member: AnyObject) { _ = members.withLock { $0.removeValue(forKey: ObjectIdentifier(member)) } }

    /// Asks all members to free what they hold above their share, unless they have been asked and have not looked yet.
    func askMembers() {
        guard !isAsking.exchange(true, ordering: .relaxed) else { return }
        for relieve in members.withLock({ Array($0.values) }) { relieve() }
    }

    func memberHasLooked() { isAsking.store(false, ordering: .relaxed) }

    /// Whether it is time to give freed memory back to the system; says so at most once a second.
    /// - Parameter now: nanoseconds of a clock that never goes back.
    func mayRelease(now: UInt64) -> Bool {
        let last = releasedAt.load(ordering: .relaxed)
        guard now &- last >= 1_000_000_000 else { return false }
        return releasedAt.compareExchange(expected: last, desired: now, ordering: .relaxed).exchanged
    }
}

/// What one loop holds of a budget. Loop-confined.
final class MemoryAccount {
    /// Bytes.
    static let step = 32 * 1024
    /// So much must have been freed before it is worth asking the allocator to give it back.
    private static let releaseBytesMin = 1024 * 1024

    let budget: MemoryBudget
    private(set) var held = 0
    /// Of `held`, what cancelled work holds until it ends.
    private(set) var cancelled = 0
    /// What was cancelled since `recentSince`.
    private var recentlyCancelled = 0
    /// Milliseconds.
    private var recentSince: UInt64 = 0
    private var reserved = 0
    /// The most that was held since memory was last given back.
    private var peak = 0
    private var heldAtLastLook = 0
    private var numbers: UInt64 = 0

    init(budget: MemoryBudget) { self.budget = budget }

    deinit { if reserved != 0 { budget.reserve(-reserved) } }

    fileprivate func nextNumber() -> UInt64 {
        numbers &+= 1
        return numbers
    }

    fileprivate func change(by bytes: Int) {
        held += bytes
        peak = max(peak, held)
        guard held > reserved || reserved - held > 2 * Self.step else { return }
        let wanted = (held + Self.step - 1) / Self.step * Self.step
        budget.reserve(wanted - reserved)
        reserved = wanted
    }

    /// Cancelled work mostly ends within this many milliseconds.
    private static let cancellationTime: UInt64 = 100
    /// A request of so many bytes is small: a probe, or a request without a body.
    private static let smallBytes = 4 * 1024

    /// What this loop may hold besides cancelled work: its share without what that holds. Work that was cancelled just now
    /// is taken to end at once, up to an eighth of the share: other work need not be cancelled in its place. An eighth is left
    /// to those who hold little, such as probes of health, whatever cancelled work holds.
    /// - Parameter now: milliseconds of a clock that never goes back.
    func allowance(now: UInt64) -> Int {
        let share = budget.share
        let isRecent = now &- recentSince <= Self.cancellationTime
        let ending = isRecent ? min(recentlyCancelled, cancelled, share / 8) : 0
        return max(share - cancelled + ending, share / 8)
    }

    /// Whether work on a request may begin: not when that leaves too little besides cancelled work, since it may be
    /// cancelled, too, and go on.
    /// - Parameter bytes: what the work holds.
    func mayBegin(_ bytes: Int) -> Bool {
        guard cancelled > 0 else { return true }
        let share = budget.share
        return cancelled + bytes <= (bytes <= Self.smallBytes ? share : share - share / 8)
    }

    fileprivate func cancel(_ bytes: Int, now: UInt64) {
        cancelled += bytes
        if now &- recentSince > Self.cancellationTime {
            recentSince = now
            recentlyCancelled = 0
        }
        recentlyCancelled += bytes
    }

    fileprivate func cancelledEnded(_ bytes: Int) { cancelled -= bytes }

    /// Whether a burst is over and its memory should be given back. Asked a few times a second; a yes begins anew.
    /// - Parameter now: nanoseconds of a clock that never goes back.
    func shouldRelease(now: UInt64) -> Bool {
        defer { heldAtLastLook = held }
        guard held <= heldAtLastLook, peak - held >= Self.releaseBytesMin, held <= peak / 2, budget.mayRelease(now: now)
        else { return false }
        peak = held
        return true
    }
}

/// The memory held for one client. Dropping it frees that, on every way out.
struct MemoryCharge: ~Copyable {
    private let account: MemoryAccount
    /// Grows with each charge to the same account.
    let number: UInt64
    private(set) var bytes = 0
    /// Of `bytes`, what counts as cancelled.
    private var cancelledBytes = 0

    init(to account: MemoryAccount) {
        self.account = account
        number = account.nextNumber()
    }

    /// Says how much is held now.
    /// - Returns: whether that is more than before, so that the budget has to be looked at.
    mutating func set(_ bytes: Int) -> Bool {
        let difference = bytes - self.bytes
        guard difference != 0 else { return false }
        self.bytes = bytes
        account.change(by: difference)
        if cancelledBytes > bytes {
            account.cancelledEnded(cancelledBytes - bytes)
            cancelledBytes = bytes
        }
        return difference > 0
    }

    /// Says that what is held now is that of cancelled work, so that only its end frees it.
    /// - Parameter now: milliseconds of a clock that never goes back.
    mutating func cancel(now: UInt64) {
        account.cancel(bytes - cancelledBytes, now: now)
        cancelledBytes = bytes
    }

    deinit {
        if cancelledBytes != 0 { account.cancelledEnded(cancelledBytes) }
        if bytes != 0 { account.change(by: -bytes) }
    }
}
