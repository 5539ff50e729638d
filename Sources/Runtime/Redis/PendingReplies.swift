/// The callers that wait for a reply, in the order of the commands: Redis answers in that order.
struct PendingReplies {
    typealias Waiter = CheckedContinuation<Result<RESPValue, RedisError>, Never>

    enum Kind {
        case greeting(Greeting.Expectation)
        /// Nil once the waiter has gone on without it.
        case call(Waiter?)
        case heartbeat
    }

    struct Entry {
        var kind: Kind
        /// On the loop's clock in nanoseconds.
        let askedAt: UInt64
    }

    private var entries: ContiguousArray<Entry> = []
    private var head = 0

    var isEmpty: Bool { head == entries.count }
    var count: Int { entries.count - head }
    /// When the oldest was asked for.
    var oldest: UInt64? { isEmpty ? nil : entries[head].askedAt }

    mutating func append(_ kind: Kind, at now: UInt64) { entries.append(Entry(kind: kind, askedAt: now)) }

    mutating func popFirst() -> Entry? {
        guard !isEmpty else { return nil }
        let entry = entries[head]
        entries[head].kind = .heartbeat
        head += 1
        if head == entries.count {
            entries.removeAll(keepingCapacity: true)
            head = 0
        } else if head > 1_024, head > entries.count / 2 {
            entries.removeFirst(head)
            head = 0
        }
        return entry
    }

    /// Tells everybody who still waits; the replies will go unheard when they come.
    mutating func fail(_ error: RedisError) {
        for index in head..<entries.count {
            guard case .call(let waiter?) = entries[index].kind else { continue }
            entries[index].kind = .call(nil)
            waiter.resume(returning: .failure(error))
        }
    }

    /// The same, and no replies will come.
    mutating func drop(_ error: RedisError) {
        fail(error)
        entries.removeAll(keepingCapacity: true)
        head = 0
    }
}
