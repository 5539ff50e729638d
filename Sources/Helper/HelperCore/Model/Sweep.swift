/// What the sweep of ended API keys does next: which accounts it looks at, and which page of the tenant's applications it reads.
///
/// A scan reads every page, hourly. It finds the keys whose end is near; an account is looked at when its time has come, and what is
/// done to its keys is decided by what it lists then. An end beyond `horizon` is left to a later scan. So an account takes no room
/// until the end of one of its keys is near, and 50 to 100 bytes then; a key that was rotated takes about 50 while a scan runs.
///
/// `now` is this machine's clock in seconds since 1970; ends are by 3scale's.
package struct Sweep: Sendable {
    package enum Step: Sendable, Equatable {
        /// The end of a key of each account has come.
        case look([Int])
        case read(page: Int)
        case wait
    }

    /// What the sweep tells of itself.
    package struct Status: Sendable, Equatable {
        /// Seconds since a scan last read everything; since the start before the first one has.
        package var age: Int
        /// For how long the end of a key has been over of which nothing was done.
        package var overdue: Int
        /// Seconds by which 3scale's clock is ahead.
        package var clockDifference: Int
        /// API keys by state, as the last whole scan counted them.
        package var keys: [KeyState: Int]
        /// Accounts that wait for the end of a key.
        package var accounts: Int
        /// A scan has read everything.
        package var isScanned: Bool
    }

    private struct Turn: Sendable {
        let at: Int
        let account: Int
    }

    /// A generation that retires those before it.
    private struct Successor: Sendable {
        var generation: Int
        var retirement: Int
    }

    private struct Scan: Sendable {
        let began: Int
        /// Nil until the first answer tells how many there are.
        var page: Int?
        /// Attempts at the page that have failed.
        var failures = 0
        var isWhole = true
        var keys: [KeyState: Int] = [:]
        /// By a hash of what the generations of a key have in common. A collision costs a look.
        var successors: [Int: Successor] = [:]
    }

    private struct Identity: Hashable {
        let account: Int
        let service: Int
        let owner: OwnerMark
        let name: KeyName
    }

    /// From the beginning of a scan to that of the next.
    package static let interval = 3_600
    /// How far ahead ends are kept: until two more scans have begun.
    package static let horizon = 3 * interval
    /// Clocks that differ by more stop the sweep.
    package static let clockDifferenceMax = 600
    /// After a failure, and between two looks at a clock that differs.
    static let pause = 60
    /// After so many failures a page is skipped.
    static let pageFailuresMax = 5

    private var startedAt: Int
    private var completedAt: Int?
    private var clockDifference = 0
    private var toldClockOff = false
    private var pausedUntil = Int.min
    private var scanAt = Int.min
    private var scan: Scan?
    /// The earliest time for which an account is in `turns`. Later ones that stand there too are void.
    private var times: [Int: Int] = [:]
    private var turns = MinimumHeap<Turn> { $0.at < $1.at }
    /// Accounts that are looked at, or could not be: since when an end there is over.
    private var dueSince: [Int: Int] = [:]
    private var keys: [KeyState: Int] = [:]
    /// Suspensions after which something had to follow and could not be done: applications, and when they were suspended.
    private var unfinished: [Int: Int] = [:]
    /// When a failure was last told.
    private var saidAt: Int?

    package init(now: Int) { startedAt = now }

    /// Clocks differ so much that it cannot be told which ends are over.
    package var isClockOff: Bool { abs(clockDifference) > Self.clockDifferenceMax }

    /// True when clocks began to differ, false when they agree again; nil when the caller has learned that before.
    package mutating func takeClockNews() -> Bool? {
        guard isClockOff != toldClockOff else { return nil }
        toldClockOff = isClockOff
        return toldClockOff
    }

    package func status(now: Int) -> Status {
        let first = ([turns.first?.at].compactMap(\.self) + dueSince.values).min()
        return Status(
            age: max(0, now - (completedAt ?? startedAt)),
            overdue: max(0, first.map { now + clockDifference - $0 } ?? 0), clockDifference: clockDifference,
            keys: keys, accounts: times.count, isScanned: completedAt != nil)
    }

    // MARK: What to do

    /// - Parameter width: the most accounts to look at together.
    package mutating func next(width: Int, now: Int) -> Step {
        clampTimes(to: now)
        guard now >= pausedUntil else { return .wait }
        if isClockOff {
            // The answer tells what the clocks are now.
            pausedUntil = now + Self.pause
            scan = nil
            return .read(page: 1)
        }
        let due = takeDue(width, at: now + clockDifference)
        if !due.isEmpty { return .look(due) }
        if scan == nil, now >= scanAt { scan = Scan(began: now) }
        return scan.map { .read(page: $0.page ?? 1) } ?? .wait
    }

    /// A clock that was put back leaves times ahead of it. Until it had come to them again, nothing would be done and nothing said.
    private mutating func clampTimes(to now: Int) {
        pausedUntil = min(pausedUntil, now + Self.pause)
        scanAt = min(scanAt, now + Self.interval)
        startedAt = min(startedAt, now)
        completedAt = completedAt.map { min($0, now) }
        if let time = saidAt, time > now { saidAt = nil }
    }

    private mutating func takeDue(_ width: Int, at time: Int) -> [Int] {
        var due: [Int] = []
        while due.count < max(1, width), let turn = turns.first, turn.at <= time {
            turns.removeFirst()
            guard times[turn.account] == turn.at else { continue }
            times[turn.account] = nil
            dueSince[turn.account] = min(dueSince[turn.account] ?? turn.at, turn.at)
            due.append(turn.account)
        }
        return due
    }

    // MARK: What became of it

    /// A key of an account ends at a time.
    package mutating func note(account: Int, endsAt time: Int, now: Int) {
        guard time <= now + clockDifference + Self.horizon, times[account].map({ time < $0 }) ?? true else { return }
        times[account] = time
        turns.insert(Turn(at: time, account: account))
    }

    /// An answer of 3scale told its time.
    package mutating func note(clock: Int, now: Int) { clockDifference = clock - now }

    /// An account was looked at, and all that was due is done.
    /// - Parameter next: when the next of its keys ends.
    package mutating func looked(at account: Int, next: Int?, now: Int) {
        dueSince[account] = nil
        if let next { note(account: account, endsAt: next, now: now) }
    }

    /// What has to follow the suspension of a key could not be done: the next look at its account does it.
    package mutating func note(unfinished application: Application) {
        unfinished[application.id] = application.updatedAt
    }

    /// Of an account: what the sweep has suspended, and nothing has changed since.
    package func unfinished(_ listed: [Application]) -> [Application] {
        guard !unfinished.isEmpty else { return [] }
        return listed.filter { application in
            guard let time = unfinished[application.id] else { return false }
            return application.state == .suspended && application.updatedAt == time
        }
    }

    /// What had to follow is done, or has no use any more.
    package mutating func finished(_ application: Int) { unfinished[application] = nil }

    /// An account could not be looked at, or not everything that was due could be done.
    /// - Returns: whether the log is to say so: once a minute.
    package mutating func failed(at account: Int, now: Int) -> Bool {
        note(account: account, endsAt: now + clockDifference + Self.pause, now: now)
        return isNews(now: now)
    }

    /// No call to 3scale is of use at the moment.
    package mutating func pause(now: Int) { pausedUntil = now + Self.pause }

    /// A page of the scan could not be read.
    /// - Returns: whether the log is to say so: once a minute.
    package mutating func pageFailed(now: Int) -> Bool {
        pausedUntil = now + Self.pause
        scan?.failures += 1
        if let scan, scan.failures >= Self.pageFailuresMax {
            self.scan?.isWhole = false
            turnPage(now: now)
        }
        return isNews(now: now)
    }

    private mutating func isNews(now: Int) -> Bool {
        guard now >= saidAt.map({ $0 + Self.pause }) ?? .min else { return false }
        saidAt = now
        return true
    }

    /// A page of the scan was read. After the first, which tells how many there are, they are read from the last to the first: a
    /// deletion meanwhile moves applications to pages that are yet to be read, and newer generations come before older ones.
    package mutating func read(
        _ page: ScannedPage, approvalPlans: Set<Int>, rules: KeyRules, seal: PauseSeal, now: Int
    ) {
        note(clock: page.answeredAt, now: now)
        guard !isClockOff, scan != nil else { return }
        if scan?.page == nil, page.pages > 1 {
            scan?.page = page.pages
            return
        }
        let facts = KeyTimes(approvalPlans: approvalPlans, rules: rules, seal: seal, now: page.answeredAt)
        for application in page.applications.reversed() { scanned(application, facts, now) }
        turnPage(now: now)
    }

    private mutating func turnPage(now: Int) {
        scan?.failures = 0
        guard let scan else { return }
        if let page = scan.page, page > 1 {
            self.scan?.page = page - 1
            return
        }
        self.scan = nil
        scanAt = max(now + Self.pause, scan.began + Self.interval)
        guard scan.isWhole else { return }
        completedAt = now
        keys = scan.keys
    }

    private mutating func scanned(_ application: Application, _ facts: KeyTimes, _ now: Int) {
        guard let mark = application.mark, var scan else { return }
        if mark.isProvisional {
            guard application.mayBeDeleted, let end = facts.rules.lifetimeEnd(of: application) else { return }
            note(account: application.accountID, endsAt: end, now: now)
            return
        }
        self.scan = nil
        defer { self.scan = scan }
        let identity = Identity(
            account: application.accountID, service: application.serviceID, owner: mark.owner, name: mark.name
        ).hashValue
        let successor = scan.successors[identity].flatMap { $0.generation > mark.generation ? $0 : nil }
        let expiresAt = facts.expiry(of: application)
        let retiresAt = application.state == .pending ? nil : successor?.retirement
        let state = facts.state(of: application, expiresAt, retiresAt)
        scan.keys[state, default: 0] += 1
        if mark.generation > 1, state != .suspended, let liveSince = facts.liveSince(application) {
            let end = min(liveSince + facts.grace(of: application), scan.successors[identity]?.retirement ?? .max)
            scan.successors[identity] = Successor(
                generation: max(mark.generation, scan.successors[identity]?.generation ?? 0), retirement: end)
        }
        let end = facts.endedAt(application) ?? [expiresAt, retiresAt].compactMap(\.self).min()
        guard state != .suspended, let end else { return }
        note(
            account: application.accountID,
            endsAt: application.state == .live ? end : NamedKeys.deletion(of: application, endedAt: end), now: now)
    }
}

/// A binary heap: the least element first.
private struct MinimumHeap<Element: Sendable>: Sendable {
    private var elements: [Element] = []
    private let isLess: @Sendable (Element, Element) -> Bool

    init(by isLess: @escaping @Sendable (Element, Element) -> Bool) { self.isLess = isLess }

    var first: Element? { elements.first }

    mutating func insert(_ element: Element) {
        elements.append(element)
        var index = elements.count - 1
        while index > 0, isLess(elements[index], elements[(index - 1) / 2]) {
            elements.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    mutating func removeFirst() {
        guard let last = elements.popLast(), !elements.isEmpty else { return }
        elements[0] = last
        var index = 0
        while true {
            let children = [2 * index + 1, 2 * index + 2].filter { $0 < elements.count }
            guard let least = children.min(by: { isLess(elements[$0], elements[$1]) }),
                isLess(elements[least], elements[index])
            else { break }
            elements.swapAt(index, least)
            index = least
        }
        // What a mass of ends took is given back.
        if elements.isEmpty { elements = [] }
    }
}
