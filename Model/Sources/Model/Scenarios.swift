/// The worlds that are explored: first those in which everything must hold, then each rule taken away in turn.
enum Scenarios {
    static let sound: [Scenario] = [
        Scenario(name: "new person, two replicas, race", replicas: [0, 1]),
        Scenario(name: "new person, one replica, two calls", replicas: [0, 0]),
        Scenario(name: "new person, signup makes a key", replicas: [0, 1], signupMakesOne: true),
        Scenario(name: "new person, no race", replicas: [0, 1], raceOpen: false),
        Scenario(
            name: "known person, two replicas, race", replicas: [0, 1], faultsMax: 3, crashesMax: 2, accountExists: true
        ),
        Scenario(
            name: "known person, two calls on one of two replicas", replicas: [0, 0, 1], faultsMax: 1,
            accountExists: true),
        Scenario(name: "known person, three replicas, race", replicas: [0, 1, 2], faultsMax: 1, accountExists: true),
        Scenario(name: "new person, three replicas, race", replicas: [0, 1, 2], faultsMax: 0, crashesMax: 1),
        Scenario(name: "name of somebody else", replicas: [0, 1], accountExists: true, foreign: true),
        Scenario(name: "new name of a known person", replicas: [0, 1], accountExists: true, formerName: true),
    ]

    /// A rule, the world that needs it, and what breaks without it.
    static let broken: [(Rule, Scenario, Set<Invariant>)] = [
        (.singleFlight, Scenario(name: "", replicas: [0, 0], accountExists: true), [.oneInFlight]),
        (.derivedID, Scenario(name: "", replicas: [0, 1], raceOpen: false, accountExists: true), [.neverTwo]),
        (.lookUpUnknown, Scenario(name: "", replicas: [0, 1], accountExists: true), [.noFalseError]),
        (.neverRepeat, Scenario(name: "", replicas: [0, 1], accountExists: true), [.sentOnce]),
        (.listAgain, Scenario(name: "", replicas: [0, 1], accountExists: true), [.agreed, .kept]),
        (.lowestWins, Scenario(name: "", replicas: [0, 1], accountExists: true), [.agreed, .kept]),
        (.deleteSurplus, Scenario(name: "", replicas: [0, 1], accountExists: true), [.oneAtRest]),
        (.lookUpSignup, Scenario(name: "", replicas: [0, 1]), [.noFalseError]),
        (.confirmSignup, Scenario(name: "", replicas: [0, 1]), [.owned]),
        (.takeBack, Scenario(name: "", replicas: [0, 1], faultsMax: 0, crashesMax: 0), [.leftBehind]),
        (.listAfterSignup, Scenario(name: "", replicas: [0, 1], signupMakesOne: true), [.oneAtRest]),
        (.ownerMark, Scenario(name: "", replicas: [0, 1], accountExists: true, foreign: true), [.owned]),
        (.fallbackID, Scenario(name: "", replicas: [0, 1], accountExists: true, formerName: true), [.alwaysEnds]),
    ]

    /// The window that stays open: what no client of 3scale can close.
    static let open = Scenario(
        name: "rows are numbered before they are seen", replicas: [0, 1], accountExists: true, lateCommit: true)
}
