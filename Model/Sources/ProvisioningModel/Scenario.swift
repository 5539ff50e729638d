/// How time passes: in steps of half a second. Whatever happens in a step takes place at its beginning, in any order.
enum Step {
    static let milliseconds = 500
    /// The first step at which 3scale's whole seconds may say 3 (more than 2 s), and 2 (more than 1 s).
    static let settled: UInt8 = 5
    static let unchanged: UInt8 = 3
    static func age(_ steps: UInt8) -> Int { steps >= settled ? 3 : 0 }
    static func unchangedFor(_ steps: UInt8) -> Int { steps >= unchanged ? 2 : 0 }
}

/// What can be taken away. Each alters what a call hears, or what 3scale does with its request; the value stays as it is.
enum Rule: String, CaseIterable {
    case sameID = "R2 one application_id for owner and service"
    case confirmation = "R4 create, then confirm (\"the lowest id wins\")"
    case validation = "R4 3scale validates the confirmation"
    case authorsTime = "R5 an author has 1.5 s"
    case unsure = "R5 after an unknown confirmation delete nothing"
    case quickDeletion = "R5 a deletion arrives within 0.5 s"
    case othersWait = "R6 others wait for 3 s"
    case confirmAccount = "R7 a signup is confirmed"
    case freshAdoption = "R8 the account is confirmed again before an adoption"
    case youngAccount = "R7 others leave a young account alone"
    case signupsOwn = "R8 an unmarked application is left alone for 3 s"
    case unchangedMark = "R8 a mark counts after 2 s without a change"
    case adoption = "R8 the account is confirmed before an adoption"
    case twins = "R6 twins are searched on other accounts"
    case comparison = "names of accounts are compared"
    case heldKey = "R9 the key is answered where the name is taken"
    case search = "R9 the owner's applications are searched"
    case foreignMark = "R10 nothing on an account with another owner's mark"
}

enum Invariant: String, CaseIterable {
    case kept = "no answered key is deleted"
    case own = "nobody is answered another's key"
    case same = "all answers of one owner are the same"
    case one = "at rest one confirmed application for an owner"
    case retry = "a retry gets the key"
}

enum UsersShown: Sendable { case shown, notShown, either }

struct Scenario {
    let name: String
    /// By call.
    let persons: [UInt8]
    /// By call: the user name.
    var names: [UInt8] = [0, 0, 0]
    var start = World()
    var signupCreates = false
    var findVaries = false
    /// Whether `accounts/find` shows the account's users.
    var users = UsersShown.shown
    /// The call whose plan 3scale does not have any more.
    var planGone: UInt8?
    /// `accounts/find` finds the other name too, those that are exactly alike first.
    var findsAlike = false
    /// Signup refuses a name that is like another.
    var takesAlike = false
    /// No call can make, rename or delete an account.
    var isStatic = false
    /// How a retry may end instead of with the key.
    var mayFail: Set<String> = []
    /// Applications that calls may make.
    var rowsMax: UInt8 = 4
    var without: Rule?
    /// Worlds that are visited: more than any scenario has.
    var limit = 6_000_000

    func with(losses: UInt8 = 0, deaths: UInt8 = 0, delays: UInt8 = 0) -> Scenario {
        var copy = self
        copy.start.losses = losses
        copy.start.deaths = deaths
        copy.start.delays = delays
        return copy
    }

    func without(_ rule: Rule) -> Scenario {
        var copy = self
        copy.without = rule
        return copy
    }
}
