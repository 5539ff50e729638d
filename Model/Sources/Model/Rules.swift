/// The rules of provisioning, each of which can be taken away to see what it is good for.
enum Rule: String, CaseIterable {
    /// Calls for the same owner and service in one process share one flight.
    case singleFlight = "single flight"
    /// The application's id follows from owner and service, so that 3scale refuses the second.
    case derivedID = "derived application id"
    /// A create whose outcome is not known is looked up.
    case lookUpUnknown = "look up what is unknown"
    /// ... and is never sent again.
    case neverRepeat = "never repeat a write"
    /// After a create the account is listed again.
    case listAgain = "list again after a create"
    /// Of several, the lowest id is everybody's answer.
    case lowestWins = "the lowest id wins"
    /// Whoever sees a duplicate above it deletes it.
    case deleteSurplus = "delete what is above it"
    /// A signup that is refused as taken, or whose outcome is not known, is looked up.
    case lookUpSignup = "look up a signup"
    /// The account that a signup made is the caller's only when a look-up says so.
    case confirmSignup = "confirm a new account"
    /// What was created on an account that is not the caller's is taken back.
    case takeBack = "take back from a surplus account"
    /// Applications are listed after a signup that may have made one.
    case listAfterSignup = "list after signup"
    /// Only what carries the caller's mark, or nobody's on an account nobody else has marked, is the caller's.
    case ownerMark = "owner mark"
    /// An id that is taken elsewhere falls back to a second one.
    case fallbackID = "fall back to a second id"
}

/// What holds, whatever happens.
enum Invariant: String, CaseIterable {
    case kept = "no key that was answered is ever deleted"
    case agreed = "all calls answer the same key"
    case owned = "no key of another owner or account is answered"
    case foreignUntouched = "nothing is created beside another owner's application"
    case newOnce = "at most one call says that it is new"
    case neverTwo = "without a race there are never two, not even for a moment"
    case oneInFlight = "one process has at most one create under way"
    case sentOnce = "one call sends each write at most once"
    case noFalseError = "no call fails while its key is there"
    case oneAtRest = "one more call leaves exactly one, the one that was answered"
    case leftBehind = "undisturbed, nothing is left on a surplus account"
    case alwaysEnds = "an undisturbed call always answers"
}

/// One world to explore.
struct Scenario {
    var name: String
    /// The replica of each call.
    var replicas: [Int]
    var rules = Set(Rule.allCases)
    /// 3scale's uniqueness checks and inserts are two steps.
    var raceOpen = true
    /// Answers that are lost, or requests that are dropped, in all.
    var faultsMax = 2
    var crashesMax = 1
    /// Signup makes an application on the service, and the catalogue says so.
    var signupMakesOne = false
    /// The account is there before the first call.
    var accountExists = false
    /// It holds an application with another owner's mark.
    var foreign = false
    /// An account of the owner's former name holds the application with the derived id.
    var formerName = false
    /// Rows are numbered when they are checked, and seen when they are committed: what no unique index prevents.
    var lateCommit = false
}
