import HelperCore
import Testing

private let owner = OwnerMark(issuer: "i", subject: "s")
private let seal = PauseSeal { [1, 2, 3] }
private let day = 86_400
private let start = 1_000_000

private func application(
    _ id: Int, _ members: String? = "ok", _ state: Application.State = .live, account: Int = 1, created: Int = start,
    updated: Int? = nil
) -> Application {
    Application(
        id: id, serviceID: 7, accountID: account, plan: PlanReference(id: 1, name: "Basic"), state: state,
        description: members.map { "[mlaas owner=\(owner) \($0)]" }, credentials: .userKey("key-\(id)"),
        createdAt: created, updatedAt: updated ?? created)
}

private func page(_ applications: [Application], of pages: Int = 1, at time: Int = start) -> ScannedPage {
    ScannedPage(applications: applications, pages: pages, answeredAt: time)
}

extension Sweep.Step {
    fileprivate var accounts: Set<Int> { if case .look(let accounts) = self { Set(accounts) } else { [] } }
}

extension Sweep {
    fileprivate mutating func read(_ page: ScannedPage, now: Int = start) {
        read(page, approvalPlans: [], rules: KeyRules(), seal: seal, now: now)
    }

    /// Past the scan at the start, which finds these.
    fileprivate static func scanned(_ applications: [Application], now: Int = start) -> Sweep {
        var sweep = Sweep(now: now)
        #expect(sweep.next(width: 1, now: now) == .read(page: 1))
        sweep.read(page(applications, at: now), now: now)
        return sweep
    }
}

@Suite("The plan of the sweep")
struct SweepTests {
    @Test("it scans at the start and then once an hour")
    func scans() {
        var sweep = Sweep.scanned([])
        #expect(sweep.next(width: 1, now: start) == .wait)
        #expect(sweep.next(width: 1, now: start + 3_599) == .wait)
        #expect(sweep.next(width: 1, now: start + 3_600) == .read(page: 1))
        #expect(sweep.status(now: start + 3_600).age == 3_600)
    }

    @Test("pages are read from the last to the first, once the first has told how many there are")
    func pages() {
        var sweep = Sweep(now: start)
        #expect(sweep.next(width: 1, now: start) == .read(page: 1))
        sweep.read(page([application(1)], of: 3))
        #expect(!sweep.status(now: start).isScanned)
        for number in [3, 2, 1] {
            #expect(sweep.next(width: 1, now: start) == .read(page: number))
            sweep.read(page([application(number)], of: 3))
        }
        #expect(sweep.next(width: 1, now: start) == .wait)
        #expect(sweep.status(now: start).keys == [.live: 3])
    }

    @Test("an account is looked at when the end of its key has come, and not before")
    func deadline() {
        var sweep = Sweep.scanned([application(1, "expires=\(start + 100) ok", account: 5)])
        #expect(sweep.next(width: 1, now: start + 99) == .wait)
        #expect(sweep.next(width: 1, now: start + 100) == .look([5]))
        #expect(sweep.next(width: 1, now: start + 100) == .wait)
        #expect(sweep.status(now: start + 130).overdue == 30)
        sweep.looked(at: 5, next: start + 200, now: start + 130)
        #expect(sweep.status(now: start + 130).overdue == 0)
        #expect(sweep.next(width: 1, now: start + 200) == .look([5]))
    }

    @Test("the earliest end of an account counts, and it is looked at once for all that are over")
    func earliest() {
        var sweep = Sweep.scanned([])
        for (account, time) in [(5, 300), (5, 100), (6, 50), (5, 200), (7, 150)] {
            sweep.note(account: account, endsAt: start + time, now: start)
        }
        #expect(sweep.status(now: start).accounts == 3)
        #expect(sweep.next(width: 9, now: start + 400) == .look([6, 5, 7]))
        #expect(sweep.next(width: 9, now: start + 400) == .wait)
    }

    @Test("an end that is far away takes no room, and a later scan finds it")
    func horizon() {
        let key = application(1, "expires=\(start + Sweep.horizon + 10) ok")
        var sweep = Sweep.scanned([key])
        #expect(sweep.status(now: start).accounts == 0)
        #expect(sweep.next(width: 1, now: start + 3_600) == .read(page: 1))
        sweep.read(page([key], at: start + 3_600), now: start + 3_600)
        #expect(sweep.status(now: start + 3_600).accounts == 1)
    }

    @Test("an older generation on another page than its successor retires in time")
    func retirement() {
        var sweep = Sweep(now: start)
        _ = sweep.next(width: 1, now: start)
        sweep.read(page([], of: 2))
        sweep.read(page([application(9, "gen=2 grace=60 ok")], of: 2))
        sweep.read(page([application(1)], of: 2))
        #expect(sweep.status(now: start).keys == [.live: 1, .retiring: 1])
        #expect(sweep.next(width: 1, now: start + 60) == .look([1]))
    }

    @Test("keys that the operator suspended and applications without a mark ask for nothing")
    func leftAlone() {
        let sweep = Sweep.scanned([
            application(1, "expires=\(start + 5) ok", .suspended), application(2, nil),
            application(3, "attempt=0f expires=\(start)"),
        ])
        #expect(sweep.status(now: start).accounts == 0)
        #expect(sweep.status(now: start).keys == [.suspended: 1])
    }

    @Test("clocks that differ by more than ten minutes stop everything until they agree again")
    func clocks() {
        for difference in [-601, 601] {
            var sweep = Sweep.scanned([application(1, "expires=\(start + 5) ok")])
            sweep.note(clock: start + 10 + difference, now: start + 10)
            #expect(sweep.isClockOff && sweep.status(now: start).clockDifference == difference)
            #expect(sweep.next(width: 1, now: start + 10) == .read(page: 1))
            sweep.read(page([], at: start + 10 + difference), now: start + 10)
            #expect(sweep.next(width: 1, now: start + 69) == .wait)
            #expect(sweep.next(width: 1, now: start + 70) == .read(page: 1))
            sweep.read(page([], at: start + 70), now: start + 70)
            #expect(!sweep.isClockOff)
            #expect(sweep.next(width: 1, now: start + 130) == .look([1]))
        }
    }

    @Test("ends are compared with 3scale's clock")
    func difference() {
        var sweep = Sweep.scanned([])
        sweep.note(clock: start - 300, now: start)
        sweep.note(account: 1, endsAt: start, now: start)
        #expect(sweep.next(width: 1, now: start + 299) == .wait)
        #expect(sweep.next(width: 1, now: start + 300) == .look([1]))
    }

    @Test("a page that cannot be read is skipped after five attempts, and the scan does not count as whole")
    func brokenPage() {
        var sweep = Sweep(now: start)
        var now = start
        _ = sweep.next(width: 1, now: now)
        sweep.read(page([], of: 2))
        var told = 0
        for _ in 1...5 {
            #expect(sweep.next(width: 1, now: now) == .read(page: 2))
            if sweep.pageFailed(now: now) { told += 1 }
            #expect(sweep.next(width: 1, now: now) == .wait)
            now += 60
        }
        #expect(told == 5)
        #expect(sweep.next(width: 1, now: now) == .read(page: 1))
        sweep.read(page([application(1, "expires=\(now + 1) ok")], of: 2), now: now)
        #expect(!sweep.status(now: now).isScanned && sweep.status(now: now).age == now - start)
        #expect(sweep.status(now: now).accounts == 1)
    }

    @Test("an account that cannot be looked at is tried every minute, and the log says so once a minute")
    func brokenAccount() {
        var sweep = Sweep.scanned([])
        for account in 1...3 { sweep.note(account: account, endsAt: start + 5, now: start) }
        #expect(sweep.next(width: 3, now: start + 5).accounts == [1, 2, 3])
        #expect((1...3).map { sweep.failed(at: $0, now: start + 5) } == [true, false, false])
        #expect(sweep.next(width: 3, now: start + 64) == .wait)
        #expect(sweep.status(now: start + 65).overdue == 60)
        #expect(sweep.next(width: 3, now: start + 65).accounts == [1, 2, 3])
    }

    @Test("a clock that is put back delays no scan, no look and no line of the log by more than they wait anyhow")
    func clockPutBack() {
        let ahead = start + 30 * day
        var sweep = Sweep.scanned([], now: ahead)
        #expect(sweep.next(width: 1, now: start) == .wait)
        #expect(sweep.next(width: 1, now: start + 3_600) == .read(page: 1))
        #expect(sweep.status(now: start + 3_600).age == 3_600)
        _ = sweep.pageFailed(now: ahead)
        #expect(sweep.next(width: 1, now: start + 3_600) == .wait)
        #expect(sweep.next(width: 1, now: start + 3_660) == .read(page: 1))
        let isNews = sweep.pageFailed(now: start + 3_660)
        #expect(isNews)
        // The clock was so wrong that the sweep had stopped.
        var stopped = Sweep.scanned([], now: ahead)
        stopped.note(clock: start, now: ahead)
        #expect(stopped.next(width: 1, now: ahead) == .read(page: 1))
        #expect(stopped.next(width: 1, now: start) == .wait)
        #expect(stopped.next(width: 1, now: start + 60) == .read(page: 1))
    }
}
