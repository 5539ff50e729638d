import Foundation
import HelperCore
import Synchronization
import Testing

@Suite("A circuit breaker")
struct CircuitBreakerTests {
    private let start = ContinuousClock.now

    @Test("opens after failures in a row, lets one probe an interval through, and closes on success")
    func life() {
        var breaker = BreakerState(.init())
        for _ in 0..<4 { breaker.failed(now: start) }
        breaker.succeeded()
        for _ in 0..<4 { breaker.failed(now: start) }
        #expect(!breaker.isOpen && breaker.admit(now: start) == .pass)
        breaker.failed(now: start)
        #expect(breaker.isOpen && breaker.admit(now: start + .seconds(1)) == .refused(untilProbe: .seconds(4)))
        #expect(breaker.admit(now: start + .seconds(5)) == .probe)
        // One at a time, though the first has not been answered.
        #expect(breaker.admit(now: start + .seconds(5)) == .refused(untilProbe: .seconds(5)))
        breaker.failed(now: start + .seconds(6))
        #expect(breaker.admit(now: start + .seconds(9)) == .refused(untilProbe: .seconds(1)))
        #expect(breaker.admit(now: start + .seconds(10)) == .probe)
        breaker.succeeded()
        #expect(!breaker.isOpen && breaker.admit(now: start + .seconds(10)) == .pass)
    }

    private func caller(_ name: String) -> CallOwner { .caller(OwnerMark(issuer: "https://issuer", subject: name)) }

    @Test("stays closed while all failures in a row are two callers', and opens with a third caller's")
    func fewCallers() {
        var breaker = BreakerState(.init())
        for _ in 0..<50 {
            for name in ["ada", "bob"] { breaker.failed(for: caller(name), now: start) }
        }
        #expect(!breaker.isOpen && breaker.admit(now: start) == .pass)
        breaker.failed(for: caller("eve"), now: start)
        #expect(breaker.isOpen)
    }

    @Test("is in doubt while failures of one caller alone would open it")
    func doubt() {
        var breaker = BreakerState(.init())
        for _ in 0..<4 { breaker.failed(for: caller("ada"), now: start) }
        #expect(!breaker.isInDoubt)
        breaker.failed(for: caller("ada"), now: start)
        #expect(breaker.isInDoubt && !breaker.isOpen)
        breaker.succeeded()
        #expect(!breaker.isInDoubt)
        for _ in 0..<5 { breaker.failed(for: caller("ada"), now: start) }
        breaker.failed(now: start)
        #expect(breaker.isOpen && !breaker.isInDoubt)
    }

    @Test("opens for failures that no caller's request can have caused")
    func noCaller() {
        var breaker = BreakerState(.init())
        for _ in 0..<4 { breaker.failed(for: caller("ada"), now: start) }
        breaker.failed(now: start)
        #expect(breaker.isOpen)
    }

    @Test("a success of any caller ends the row of failures, also of other callers")
    func successBetween() {
        var breaker = BreakerState(.init())
        for _ in 0..<20 {
            for _ in 0..<2 { breaker.failed(for: caller("ada"), now: start) }
            for _ in 0..<2 { breaker.failed(for: caller("bob"), now: start) }
            breaker.succeeded()
        }
        // Bob's failures before the success do not make Ada's of today a matter of two callers.
        for _ in 0..<10 { breaker.failed(for: caller("ada"), now: start) }
        #expect(!breaker.isOpen)
    }

    @Test("lets no caller be the probe while a background call is made in every interval")
    func probesThatNobodyWaitsFor() {
        var breaker = BreakerState(.init())
        for _ in 0..<5 { breaker.failed(now: start) }
        breaker.probeBegan()
        #expect(breaker.admit(now: start + .seconds(7)) == .refused(untilProbe: .seconds(5)))
        breaker.failed(now: start + .seconds(8))
        breaker.probeEnded(now: start + .seconds(8))
        #expect(breaker.isOpen && breaker.admit(now: start + .seconds(12)) == .refused(untilProbe: .seconds(1)))
        // Callers are the probes when there are no others.
        #expect(breaker.admit(now: start + .seconds(13)) == .probe)
        breaker.probeBegan()
        breaker.succeeded()
        breaker.probeEnded(now: start + .seconds(14))
        #expect(!breaker.isOpen && breaker.admit(now: start + .seconds(14)) == .pass)
    }
}

@Suite("A bounded cache")
struct BoundedCacheTests {
    @Test("holds no more than its entries and bytes allow, and drops the entry used longest ago")
    func bounds() {
        let each = BoundedCache<Int, [UInt8]>.bytesPerEntry + 100
        let cache = BoundedCache<Int, [UInt8]>(capacity: 100, bytesMax: each * 10, cost: { $0.count })
        for key in 0..<1_000 { cache.insert(Array(repeating: 0, count: 100), for: key, at: .now) }
        #expect(cache.count == 10 && cache.bytes == each * 10 && cache.entry(990) != nil && cache.entry(989) == nil)
        cache.insert(Array(repeating: 0, count: each * 20), for: 1, at: .now)
        #expect(cache.count == 1 && cache.entry(1) != nil)
        cache.insert([], for: 1, at: .now)
        for key in 0..<1_000 { cache.insert([], for: key, at: .now) }
        cache.remove(999)
        #expect(cache.count <= 100 && cache.entry(999) == nil)
    }
}

@Suite("Many callers")
struct CallersMemoryTests {
    /// `MLAAS_CALLERS` distinct callers, each with one key, through a cache for a tenth of them; what the process takes is
    /// printed as they pass.
    @Test("pass through the cache without growth beyond its bounds")
    func growth() async throws {
        let count = ProcessInfo.processInfo.environment["MLAAS_CALLERS"].flatMap(Int.init) ?? 5_000
        var limits = OwnedKeys.Limits()
        limits.callersMax = count / 10
        limits.bytesMax = count / 10 * 800
        let manager = FakeAPIManager()
        manager.state.withLock { state in
            state.everybodysAccount = Account(id: 1, state: "approved")
            state.applications = [FakeAPIManager.application(1, 7, 1, nil)]
        }
        let keys = OwnedKeys(manager: manager, limits: limits, spawn: { work in Task { await work() } })
        let service = Service(
            id: 7, name: "S", systemName: "s", description: nil, authentication: .apiKey, proxyEndpoint: nil,
            placement: CredentialsPlacement(location: .headers, parameter: "k", idParameter: nil), plans: [])
        let catalog = Catalog(services: [service])
        let before = Self.residentKiB
        var samples: [Int] = []
        for index in 0..<count {
            let caller = Caller(issuer: "i", subject: "\(index)", username: "user\(index)", email: nil)
            let snapshot = try await keys.snapshot(for: caller, catalog: catalog)
            if index == 0 { #expect(snapshot.keys.count == 1) }
            if (index + 1) % (count / 10) == 0 { samples.append(Self.residentKiB - before) }
        }
        let (entries, bytes, _) = keys.occupancy
        print(
            "callers: \(count) passed, \(entries) kept, \(bytes / entries) bytes each by the count, KiB more: \(samples)"
        )
        #expect(entries == limits.callersMax && bytes <= entries * 800)
    }

    private static var residentKiB: Int {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") } ?? ""
        return line.split(whereSeparator: { !$0.isNumber }).first.flatMap { Int($0) } ?? 0
    }
}
