/// What is explored.
enum Scenarios {
    private static func world(
        accounts: [UInt8], rows: [World.Row] = [], answered: UInt8 = 0
    ) -> World {
        var world = World()
        world.accounts = accounts.enumerated().map {
            World.Holder(id: UInt8($0.offset) + 1, name: $0.element, isCommitted: true, age: Step.settled)
        }
        world.rows = rows
        world.nextID = UInt8(accounts.count + rows.count) + 1
        if answered > 0 { world.calls = [World.Call(node: -1, stage: .answered, answer: answered)] }
        return world
    }

    /// An application of the first person that stands since long before.
    private static func row(
        _ id: UInt8, on account: UInt8, name: UInt8 = 1, owner: UInt8 = 1, attempt: UInt8 = 9, isConfirmed: Bool = true,
        age: UInt8 = Step.settled, home: UInt8 = 0
    ) -> World.Row {
        World.Row(
            id: id, account: account, name: name, owner: owner, attempt: attempt, isConfirmed: isConfirmed,
            isCommitted: true, age: age, unchanged: min(age, Step.unchanged), home: home)
    }

    private static func unmarked(_ id: UInt8, on account: UInt8, home: UInt8 = 0) -> World.Row {
        row(id, on: account, name: 100 + id, owner: 0, attempt: 0, isConfirmed: false, home: home)
    }

    static let account = Scenario(
        name: "an account without applications", persons: [0, 0], start: world(accounts: [0]), isStatic: true)
    static let three = Scenario(
        name: "the same, three callers", persons: [0, 0, 0], start: world(accounts: [0]), isStatic: true, rowsMax: 4)
    static let newcomer = Scenario(
        name: "no account", persons: [0, 0], start: world(accounts: []), findVaries: true, rowsMax: 5)
    static let signupMade = Scenario(
        name: "no account, signup makes an application", persons: [0, 0], start: world(accounts: []),
        signupCreates: true, findVaries: true, rowsMax: 5)
    static let signupMadeOwners = Scenario(
        name: "the same, two owners of the name", persons: [0, 1], start: world(accounts: []), signupCreates: true,
        findVaries: true, mayFail: ["identityConflict"], rowsMax: 5)
    static let owners = Scenario(
        name: "no account, two owners of one name", persons: [0, 1], start: world(accounts: []), findVaries: true,
        mayFail: ["identityConflict"], rowsMax: 5)
    static let planGone = Scenario(
        name: "no account, one caller's plan is gone", persons: [0, 0], start: world(accounts: []), findVaries: true,
        planGone: 0, rowsMax: 5)
    static let leftover = Scenario(
        name: "an application that a dead call has just left", persons: [0, 0],
        start: world(accounts: [0], rows: [row(2, on: 1, isConfirmed: false, age: 0)]), isStatic: true, rowsMax: 5)
    static let earlier = Scenario(
        name: "an application of an earlier version", persons: [0, 0],
        start: world(accounts: [0], rows: [row(2, on: 1, attempt: 0, isConfirmed: false)]), isStatic: true, rowsMax: 4)
    static let unmarked = Scenario(
        name: "an unmarked application", persons: [0, 0], start: world(accounts: [0], rows: [unmarked(2, on: 1)]),
        users: .either, isStatic: true, rowsMax: 4)
    static let unmarkedOwners = Scenario(
        name: "an unmarked application, two owners of the name", persons: [0, 1],
        start: world(accounts: [0], rows: [unmarked(2, on: 1)]), users: .either, isStatic: true,
        mayFail: ["identityConflict"],
        rowsMax: 4)
    static let twoAccounts = Scenario(
        name: "two accounts of one name", persons: [0, 0], start: world(accounts: [0, 0]), findVaries: true,
        isStatic: true, rowsMax: 4)
    static let twoAccountsKey = Scenario(
        name: "two accounts of one name, the key on one", persons: [0, 0, 0],
        start: world(accounts: [0, 0], rows: [row(3, on: 2)], answered: 3), findVaries: true, isStatic: true, rowsMax: 5
    )
    static let twoAccountsUnmarked = Scenario(
        name: "two accounts of one name, an unmarked application on each", persons: [0, 0],
        start: world(accounts: [0, 0], rows: [unmarked(3, on: 1), unmarked(4, on: 2)]), findVaries: true,
        users: .either, isStatic: true, rowsMax: 6)
    static let renamed = Scenario(
        name: "a renamed person with a key", persons: [0, 0, 0], names: [1, 0, 0],
        start: world(accounts: [1], rows: [row(2, on: 1)], answered: 2), findVaries: true, users: .either, rowsMax: 5)
    static let renamedTaken = Scenario(
        name: "the same, an account has the new name", persons: [0, 0, 0], names: [1, 0, 0],
        start: world(accounts: [1, 0], rows: [row(3, on: 1)], answered: 3), users: .either, rowsMax: 5)
    static let inherited = Scenario(
        name: "a name that another owner had", persons: [0, 1], names: [1, 0],
        start: world(accounts: [0], rows: [row(2, on: 1, name: 200), unmarked(3, on: 1, home: 1)], answered: 2),
        users: .either, isStatic: true, mayFail: ["identityConflict"], rowsMax: 5)

    static let renamedSignupMade = Scenario(
        name: "a renamed person with a key, signup makes an application", persons: [0, 0], names: [1, 0],
        start: world(accounts: [1], rows: [row(2, on: 1)], answered: 2), signupCreates: true, findVaries: true,
        rowsMax: 5)
    static let alike = Scenario(
        name: "an account whose name is merely alike", persons: [0, 1], names: [0, 1],
        start: world(accounts: [1]), users: .either, findsAlike: true, rowsMax: 5)
    static let alikeUnmarked = Scenario(
        name: "the same, with an unmarked application", persons: [0, 1], names: [0, 1],
        start: world(accounts: [1], rows: [unmarked(2, on: 1, home: 2)]), users: .either, findsAlike: true, rowsMax: 5)
    static let alikeTaken = Scenario(
        name: "the same, signup refuses the name as well", persons: [0, 1], names: [0, 1],
        start: world(accounts: [1], rows: [unmarked(2, on: 1, home: 2)]), users: .either, findsAlike: true,
        takesAlike: true,
        mayFail: ["identityConflict"], rowsMax: 5)

    static let sound: [Scenario] = [
        account.with(losses: 1, deaths: 1),
        account.with(losses: 1, delays: 1),
        account.with(deaths: 1, delays: 1),
        three,
        three.with(deaths: 1),
        newcomer,
        newcomer.with(losses: 1),
        newcomer.with(deaths: 1),
        signupMade,
        signupMade.with(losses: 1),
        signupMade.with(deaths: 1),
        signupMadeOwners,
        signupMadeOwners.with(losses: 1),
        signupMadeOwners.with(deaths: 1),
        owners,
        owners.with(losses: 1),
        owners.with(deaths: 1),
        planGone.with(deaths: 1, delays: 1),
        leftover.with(losses: 1, deaths: 1, delays: 1),
        earlier.with(losses: 1, deaths: 1, delays: 1),
        unmarked.with(losses: 1, deaths: 1, delays: 1),
        unmarkedOwners.with(losses: 1, deaths: 1, delays: 1),
        twoAccounts.with(losses: 1),
        twoAccounts.with(deaths: 1),
        twoAccountsKey.with(losses: 1, deaths: 1, delays: 1),
        twoAccountsUnmarked.with(losses: 1),
        twoAccountsUnmarked.with(deaths: 1),
        renamed,
        renamed.with(losses: 1),
        renamed.with(deaths: 1),
        renamedTaken.with(losses: 1, deaths: 1),
        alike.with(losses: 1),
        alike.with(deaths: 1, delays: 1),
        alikeUnmarked.with(losses: 1),
        alikeUnmarked.with(deaths: 1, delays: 1),
        alikeTaken.with(losses: 1, deaths: 1, delays: 1),
        inherited.with(losses: 1, deaths: 1, delays: 1),
    ]

    /// What docs/provisioning.md names under "What stays open".
    static let open: [Scenario] = [renamedSignupMade]

    /// For each rule, where it is taken away.
    static let broken: [Scenario] = [
        account.without(.sameID),
        account.without(.confirmation),
        account.without(.validation),
        account.with(losses: 1, delays: 1).without(.authorsTime),
        account.with(losses: 1).without(.unsure),
        account.with(losses: 1).without(.quickDeletion),
        account.without(.othersWait),
        signupMade.without(.confirmAccount),
        newcomer.without(.youngAccount),
        planGone.without(.youngAccount),
        signupMade.with(deaths: 1).without(.signupsOwn),
        signupMadeOwners.with(losses: 1).without(.signupsOwn),
        unmarkedOwners.without(.unchangedMark),
        twoAccountsUnmarked.without(.adoption),
        signupMade.without(.freshAdoption),
        twoAccounts.with(losses: 1, deaths: 1).without(.twins),
        renamed.without(.search),
        renamedTaken.without(.heldKey),
        alike.without(.comparison),
        alikeUnmarked.without(.comparison),
        inherited.without(.foreignMark),
    ]
}
