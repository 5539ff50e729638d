/// Which call of one world each call of the next one is: four bits for each.
struct Order {
    private var places: UInt32 = 0x7654_3210

    subscript(index: UInt8) -> UInt8 {
        get { UInt8(truncatingIfNeeded: places >> (4 * UInt32(index))) & 15 }
        set { places = places & ~(15 << (4 * UInt32(index))) | UInt32(newValue) << (4 * UInt32(index)) }
    }

    func followed(by next: Order) -> Order {
        var both = Order()
        for index: UInt8 in 0..<8 { both[index] = self[next[index]] }
        return both
    }
}

/// Worlds that differ in nothing that can matter are told alike.
extension Machine {
    /// Calls of one person under one name can be exchanged, so that they stand in one order. What is over for good is left out.
    func canonical(_ world: World) -> (World, Order) {
        var next = world
        let order = sort(&next.calls)
        for index in next.rows.indices {
            let attempt = next.rows[index].attempt
            guard attempt > 0, attempt <= UInt8(next.calls.count) else { continue }
            let author = place(of: attempt - 1, order, next.calls.count)
            // Only its author asks who created an application, and only until it is confirmed.
            let isAsked = !next.calls[Int(author)].isOver && !next.rows[index].isConfirmed
            next.rows[index].attempt = isAsked ? author + 1 : 9
        }
        guard !next.orphans.isEmpty else { return (next, order) }
        var orphans = next.orphans.filter { !changesNothing($0, next) }
        for index in orphans.indices { orphans[index].call = place(of: orphans[index].call, order, next.calls.count) }
        orphans.sort { key($0) < key($1) }
        next.orphans = orphans
        return (next, order)
    }

    private func sort(_ calls: inout [World.Call]) -> Order {
        var order = Order()
        // Two or three of them: neighbours change places until none has to.
        var isSorted = false
        while !isSorted {
            isSorted = true
            for index in calls.indices.dropFirst() {
                guard scenario.planGone == nil, scenario.persons[index] == scenario.persons[index - 1],
                    scenario.names[index] == scenario.names[index - 1], isAfter(calls[index - 1], calls[index])
                else { continue }
                calls.swapAt(index - 1, index)
                let (left, right) = (UInt8(index - 1), UInt8(index))
                (order[left], order[right]) = (order[right], order[left])
                isSorted = false
            }
        }
        return order
    }

    private func isAfter(_ left: World.Call, _ right: World.Call) -> Bool {
        if left.stage != right.stage { return left.stage.rawValue > right.stage.rawValue }
        if left.node != right.node { return left.node > right.node }
        if left.target != right.target { return left.target > right.target }
        if left.waited != right.waited { return left.waited > right.waited }
        if left.event != right.event { return left.event > right.event }
        return left.answer > right.answer
    }

    private func place(of call: UInt8, _ order: Order, _ count: Int) -> UInt8 {
        (0..<UInt8(count)).first { order[$0] == call } ?? call
    }

    private func key(_ orphan: World.Orphan) -> UInt64 {
        UInt64(UInt32(bitPattern: orphan.request)) << 32 | UInt64(orphan.call) << 24 | UInt64(orphan.target) << 16
            | UInt64(orphan.waited) << 8 | (orphan.isChecked ? 1 : 0)
    }

    /// A write under way that finds nothing to change, now or later: ids are not used again.
    private func changesNothing(_ orphan: World.Orphan, _ world: World) -> Bool {
        switch automaton.request(numbered: orphan.request) {
        case .confirmAccount(let id, let knowsUser):
            !knowsUser || world.account(id).map { world.accounts[$0].name == name(Int(orphan.call)) } ?? true
        case .delete(let id), .mark(let id, _): world.row(id) == nil
        case .confirm(let id): world.row(id).map { world.rows[$0].isConfirmed && world.rows[$0].attempt > 0 } ?? true
        case .deleteAccount(let id): !world.accounts.contains { $0.id == id }
        case .create(let account, _): !world.accounts.contains { $0.id == account }
        case .rename(let id): world.account(id).map { world.accounts[$0].name == name(Int(orphan.call)) } ?? true
        default: false
        }
    }
}
