/// What 3scale does with a request.
extension Machine {
    enum Outcome {
        case event(Automaton.Event)
        /// Checked; the row or account that the commit is about.
        case target(UInt8)
    }

    // MARK: Reads

    func read(_ world: World, _ call: Int, _ request: Request) -> [Automaton.Event] {
        switch request {
        case .find:
            var found = world.accounts.filter { $0.isCommitted && $0.name == name(call) }
            if scenario.findsAlike { found += world.accounts.filter { $0.isCommitted && $0.name != name(call) } }
            if found.isEmpty { return [.noAccount] }
            return (scenario.findVaries ? found[...] : found.prefix(1)).flatMap { account in
                users(world, call, account.id).map {
                    .account(account.id, age: scenario.without == .youngAccount ? 3 : Step.age(account.age), $0)
                }
            }
        case .list(let account):
            guard world.account(account) != nil else { return [.refused(.notFound)] }
            return [.listed(listing(world, call) { $0.account == account })]
        case .search, .searchTwins:
            guard scenario.without != (request == .search ? .search : .twins) else { return [.listed([])] }
            return [.listed(listing(world, call) { $0.owner == person(call) + 1 })]
        case .compareName(let account):
            return [hasName(world, call, account) ? .done : .refused(.noSuchUser)]
        default: return []
        }
    }

    /// The product asks for an answer that shows users at first, and for one that does not after a signup.
    private func users(_ world: World, _ call: Int, _ account: UInt8) -> [Automaton.Users] {
        let shown: Automaton.Users = hasName(world, call, account) ? .exact : .missing
        return switch scenario.users {
        case .shown: [shown]
        case .notShown: [.notShown]
        case .either: [shown, .notShown]
        }
    }

    /// The account has a user of exactly the call's name.
    private func hasName(_ world: World, _ call: Int, _ account: UInt8) -> Bool {
        guard scenario.without != .comparison, let index = world.account(account) else { return true }
        return world.accounts[index].name == name(call)
    }

    private func listing(_ world: World, _ call: Int, _ isShown: (World.Row) -> Bool) -> [Automaton.View] {
        let own = person(call) + 1
        var shown = world.rows.filter { $0.isCommitted && isShown($0) }
        if scenario.without == .foreignMark { shown.removeAll { $0.owner != 0 && $0.owner != own } }
        let lowest = shown.first { $0.owner == own }?.id
        return shown.map { row in
            guard scenario.without == .confirmation, row.owner == own else { return view(row, call) }
            // The lowest id is answered, the others are deleted.
            return Automaton.View(
                id: row.id, account: row.account, owner: row.owner, attempt: attempt(of: row, call),
                hasSecondID: row.hasSecondID, isConfirmed: row.id == lowest, age: 3, unchangedFor: nil)
        }
    }

    private func attempt(of row: World.Row, _ call: Int) -> UInt8 {
        row.attempt == 0 ? 0 : row.attempt == UInt8(call) + 1 ? 1 : 9
    }

    private func view(_ row: World.Row, _ call: Int) -> Automaton.View {
        let isOld =
            row.isConfirmed || (row.owner == 0 ? scenario.without == .signupsOwn : scenario.without == .othersWait)
        return Automaton.View(
            id: row.id, account: row.account, owner: row.owner, attempt: attempt(of: row, call),
            hasSecondID: row.hasSecondID, isConfirmed: row.isConfirmed, age: isOld ? 3 : Step.age(row.age),
            unchangedFor: scenario.without == .unchangedMark ? nil : Step.unchangedFor(row.unchanged))
    }

    // MARK: Writes

    /// What is refused or has no commit of its own is over with the check.
    func check(_ world: World, _ call: Int, _ request: Request) -> [(World, Outcome)] {
        var next = world
        func over(_ event: Automaton.Event) -> [(World, Outcome)] { [(next, .event(event))] }
        switch request {
        case .signUp:
            precondition(!scenario.isStatic)
            let isTaken =
                scenario.takesAlike ? world.accounts.contains { $0.isCommitted } : world.isTaken(name(call), besides: 0)
            guard !isTaken else { return over(.refused(.nameTaken)) }
            guard let id = newID(&next, 1 + (scenario.signupCreates ? 1 : 0)) else { return [] }
            next.accounts.append(World.Holder(id: id, name: name(call)))
            if scenario.signupCreates { next.rows.append(World.Row(id: id + 1, account: id, name: 100 + id)) }
            return [(next, .target(id))]
        case .confirmAccount(let id, let knowsUser):
            guard let index = world.account(id) else { return over(.refused(.notFound)) }
            guard knowsUser || hasName(world, call, id) else { return over(.refused(.noSuchUser)) }
            let isUnchecked =
                scenario.without == .confirmAccount || scenario.without == .adoption
                || world.calls[call].confirmed == id
            guard isUnchecked || !world.isTaken(name(call), besides: id) else { return over(.refused(.nameTaken)) }
            if scenario.without == .freshAdoption { next.calls[call].confirmed = id }
            // It writes the name, whatever that has become since the look-up.
            if knowsUser, !scenario.isStatic { next.accounts[index].name = name(call) }
            return over(.done)
        case .deleteAccount(let id):
            precondition(!scenario.isStatic)
            next.accounts.removeAll { $0.id == id }
            next.rows.removeAll { $0.account == id }
            return over(.done)
        case .delete(let id):
            next.rows.removeAll { $0.id == id }
            return over(.done)
        case .create(let account, let isFallback):
            guard world.account(account) != nil else { return over(.refused(.notFound)) }
            if scenario.planGone == UInt8(call) { return over(.refused(.notFound)) }
            let owner = person(call)
            var name = isFallback ? 10 + owner * 40 + account : 1 + owner
            guard !world.isTaken(application: name, besides: 0) else { return over(.refused(.idTaken)) }
            guard let id = newID(&next, 1) else { return [] }
            if scenario.without == .sameID { name = 100 + id }
            next.rows.append(
                World.Row(
                    id: id, account: account, name: name, owner: owner + 1, attempt: UInt8(call) + 1,
                    hasSecondID: isFallback))
            return [(next, .target(id))]
        case .rename(let id):
            guard let index = world.account(id) else { return over(.refused(.notFound)) }
            guard world.accounts[index].name != name(call) else { return over(.renamed(id)) }
            guard !world.isTaken(name(call), besides: id) else { return over(.keptName(id)) }
            precondition(!scenario.isStatic)
            return [(next, .target(id))]
        case .confirm(let id), .mark(let id, _):
            guard let index = world.row(id), world.rows[index].isCommitted else { return over(.refused(.notFound)) }
            let isTwin = world.isTaken(application: world.rows[index].name, besides: id)
            if isTwin, scenario.without != .validation { return over(.refused(.idTaken)) }
            return [(next, .target(id))]
        case .find, .search, .searchTwins, .compareName, .list, .answer, .fail: return []
        }
    }

    private func newID(_ world: inout World, _ count: UInt8) -> UInt8? {
        guard !retries.isEmpty || world.nextID + count - 1 <= scenario.rowsMax else {
            countCut()
            return nil
        }
        defer { world.nextID += count }
        return world.nextID
    }

    func commit(_ world: World, _ call: Int, _ request: Request, _ target: UInt8) -> (
        world: World, event: Automaton.Event
    ) {
        var next = world
        switch request {
        case .signUp:
            if let index = next.accounts.firstIndex(where: { $0.id == target }) {
                next.accounts[index].isCommitted = true
            }
            if scenario.signupCreates, let row = next.row(target + 1) { next.rows[row].isCommitted = true }
            return (next, .signedUp(target))
        case .rename:
            guard let index = next.account(target) else { return (next, .refused(.notFound)) }
            next.accounts[index].name = name(call)
            return (next, .renamed(target))
        case .create(let account, _):
            guard let index = next.row(target), next.account(account) != nil else {
                next.rows.removeAll { $0.id == target }
                return (next, .refused(.notFound))
            }
            next.rows[index].isCommitted = true
            return (next, .wrote(view(next.rows[index], call)))
        case .confirm:
            guard let index = next.row(target) else { return (next, .refused(.notFound)) }
            next.rows[index].owner = person(call) + 1
            finish(&next.rows[index])
            return (next, .wrote(view(next.rows[index], call)))
        case .mark(_, let isOwn):
            guard let index = next.row(target) else { return (next, .refused(.notFound)) }
            next.rows[index].owner = person(call) + 1
            next.rows[index].attempt = isOwn ? UInt8(call) + 1 : 0
            finish(&next.rows[index])
            return (next, .wrote(view(next.rows[index], call)))
        default: return (next, .done)
        }
    }

    /// No rule asks how old a confirmed one is; how long a mark has stood, where others may write it again.
    private func finish(_ row: inout World.Row) {
        row.isConfirmed = true
        row.age = Step.settled
        row.unchanged = row.attempt == 0 ? 0 : Step.unchanged
    }
}
