/// Decides how one call gets its key: each event yields the next action, and the last action answers or fails. The table in
/// `docs/provisioning.md` is the same. It holds no clock, no task and no connection: time and answers come with the events.
///
/// Three rules keep calls that share nothing from spoiling each other's work:
/// - What a call created is its own for 1.5 s. Only that call confirms or deletes it meanwhile.
/// - Other calls leave it alone until 3scale says that it is 3 s old. Then every call may confirm it, and where there are
///   several, deletes the highest id first.
/// - A mark written into an application that others may mark as well counts once it has stood unchanged for 2 s.
package struct Provisioning: ~Copyable {
    /// What the call wants.
    package struct Goal: Sendable, Hashable {
        package let owner: OwnerMark
        package let service: Int
        /// Tells what this call creates from what others create at the same time.
        package let attempt: String
        /// `MLAAS_ADOPT_UNMARKED`: unmarked applications belong to the account's name, and are marked before they are answered.
        package let adoptsUnmarked: Bool
        /// Some service has a default plan, so that signup creates applications.
        package let signupCreates: Bool
        /// Which of the owner's keys for the service.
        package let name: KeyName
        /// The one generation that counts; nil for any.
        package let generation: Int?

        package init(
            owner: OwnerMark, service: Int, attempt: String, adoptsUnmarked: Bool, signupCreates: Bool,
            name: KeyName = .standard, generation: Int? = nil
        ) {
            self.name = name
            self.generation = generation
            self.owner = owner
            self.service = service
            self.attempt = attempt
            self.adoptsUnmarked = adoptsUnmarked
            self.signupCreates = signupCreates
        }

        /// What the mark of an application says that a call creates. It tells those with the second id apart, since 3scale does not
        /// show every id.
        package static func attempt(_ attempt: String, isFallback: Bool) -> String {
            isFallback ? attempt + secondID : attempt
        }

        fileprivate func created(_ application: Application) -> Bool {
            guard let attempt = application.mark?.attempt else { return false }
            return attempt == self.attempt || attempt == self.attempt + Self.secondID
        }

        static func hasSecondID(_ application: Application) -> Bool {
            application.mark?.attempt?.hasSuffix(secondID) == true
        }

        private static let secondID = "-2"
    }

    package enum Action: Sendable, Equatable {
        case findAccount
        case signUp
        /// Writes to the account's user under its own name, which 3scale refuses where another account has that name: after a
        /// signup, and before an unmarked application is marked.
        case confirmAccount(Account)
        /// Reads the names of the account's users: `done` where one is exactly the caller's. 3scale may find names that are merely alike.
        case compareName(Account)
        case deleteAccount(Account)
        case list(Account)
        /// - Parameter isFallback: uses the second id, since another account holds the first.
        case create(on: Account, isFallback: Bool)
        /// Reads the owner's applications on the service from every account.
        case search
        /// Reads the same, to find the other one of two unconfirmed applications with one id.
        case searchTwins(of: Application)
        /// Gives the user of an account the caller's present name, if that user has another one and no other account has it.
        case rename(Int)
        /// Writes the description again, with `ok` in the mark.
        case confirm(Application)
        /// Writes the caller's mark into a description that has none.
        /// - Parameter isOwn: this call's signup made it, so that no other call writes to it.
        case mark(Application, isOwn: Bool)
        case delete(Application)
        case pause(milliseconds: ClosedRange<Int>)
        case announce
        case answer(Application, isNew: Bool)
        case fail(Failure)

        /// It may change 3scale, so that cached lists of the caller expire.
        package var isWrite: Bool {
            switch self {
            case .signUp, .confirmAccount, .deleteAccount, .create, .rename, .confirm, .mark, .delete: true
            case .findAccount, .compareName, .list, .search, .searchTwins, .pause, .announce, .answer, .fail: false
            }
        }
    }

    package enum Event: Sendable {
        case began
        case account(Account?)
        case signedUp(Account)
        case listed([Application])
        /// What a create, a confirmation or a mark left, as 3scale answered it.
        case wrote(Application)
        /// The account is confirmed, its name is the caller's, or a deletion, a pause or an announcement is over.
        case done
        case refused(APIManagerError)
    }

    package enum Failure: Error, Sendable, Hashable {
        case identityConflict(Account)
        case accountBlocked(Account)
        case keyHasTwin(Application)
        case markNotReturned(Application)
        case accountMissing
        case contested
        case signup(APIManagerError)
        case creation(APIManagerError)
        case call(APIManagerError)

        /// Whether waiting may help, so that a stale answer is better than none.
        var isTransient: Bool {
            switch self {
            case .accountMissing, .contested: true
            case .signup(.unavailable), .signup(.timeout), .creation(.unavailable), .creation(.timeout): true
            case .call(let error): error.isTransient
            case .identityConflict, .accountBlocked, .keyHasTwin, .markNotReturned, .signup, .creation: false
            }
        }
    }

    /// How long a call may confirm, mark or delete what it created, counted from when it decided to create.
    package static let authorMilliseconds = 1_500
    /// The age from which others may. Ages are differences of whole seconds: 3 is more than 2 s in truth.
    package static let settledSeconds = 3
    /// How long a mark that others may overwrite must have stood: more than 1 s in truth.
    package static let unchangedSeconds = 2
    private var state: State

    package init(_ goal: Goal) { state = State(goal) }

    /// The next action after an event that is the outcome of the last one.
    /// - Parameter now: milliseconds on a clock that only goes forward.
    package mutating func next(_ event: Event, at now: Int) -> Action { state.next(event, at: now) }
}

// MARK: What a call remembers

extension Provisioning {
    /// What one call remembers, and how it decides. It can be copied and compared, so that `Model/` can follow every way a call
    /// may go on. The product holds it in `Provisioning`, which cannot be copied: a call goes on in one way.
    package struct State: Hashable, Sendable {
        package typealias Goal = Provisioning.Goal
        package typealias Action = Provisioning.Action
        package typealias Event = Provisioning.Event
        package typealias Failure = Provisioning.Failure

        private enum Phase: Hashable, Sendable {
            case start, finding, signingUp, discarding, abandoning(APIManagerError), listing, creating
            case pausing(then: Target)
            case confirmingAccount(isNew: Bool), comparing(isConflict: Bool)
            case searching(isEmpty: Bool), searchingTwins(Application), clearing(Int), renaming
            case confirming(Application), marking(Application), deleting(Application)
            case announcing(Ending), ended
        }
        private enum Target: Hashable, Sendable { case finding, listing }
        private enum Ending: Hashable, Sendable { case answer(Application, isNew: Bool), failure }

        /// Pauses of one call. The request's deadline ends it earlier.
        private static let pausesMax = 100
        private static let signupsMax = 3
        private static let attemptsMax = 3
        /// Creates that were refused though the account does not hold the id, before the id is looked for on other accounts. A call
        /// that raced may have deleted it in between.
        private static let createsMax = 3
        /// Such searches before the second id is used.
        private static let emptySearchesMax = 2

        private let goal: Goal
        private var now = 0
        private var phase = Phase.start
        private var account: Account?
        private var signups = 0
        private var signupBegan: Int?
        /// The account that this call's signup created.
        private var signedUp: Int?
        /// The account whose user 3scale let this call write to. No other had that name then, but one that signed up at the same time
        /// may have it since.
        private var confirmedAccount: Int?
        /// The same since the last pause, on an account that is too old for that.
        private var isAdoptionConfirmed = false
        /// Another account has the name, so that only what 3scale takes once may be created, and nothing adopted.
        private var hasTwinAccount = false
        /// The account whose users were read: one has exactly the caller's name.
        private var comparedAccount: Int?
        /// Accounts that 3scale finds for the caller's name and that have no user of exactly that name.
        private var foreignAccounts: [Account] = []
        private var listing: [Application] = []
        private var createBegan: Int?
        private var creates = 0
        private var creationError: APIManagerError?
        /// Searches after a refused create that found it nowhere.
        private var emptySearches = 0
        /// The id is taken on another account that cannot be renamed.
        private var isFallback = false
        /// Applications of this call that it leaves to others: their confirmation or deletion may still be under way.
        private var surrendered: Set<Int> = []
        /// Applications whose confirmation by this call has an unknown outcome.
        private var unsure: Set<Int> = []
        private var unknownOutcomes = 0
        private var twinRefusals = 0
        private var pauses = 0
        private var hasWritten = false
        private var failure: Failure?

        package init(_ goal: Goal) { self.goal = goal }

        package mutating func next(_ event: Event, at now: Int) -> Action {
            self.now = now
            let action = decide(event)
            if action.isWrite {
                hasWritten = true
                account = account?.showing(.notShown)
            }
            return action
        }

        /// The same call some time later, told from that moment: its clock says 0, and what no later decision asks for is left
        /// out. Situations that differ in nothing that a rule asks are then equal.
        package func later(by milliseconds: Int) -> State {
            var later = self
            let present = now + milliseconds
            later.now = 0
            later.signupBegan = Self.since(signupBegan, present)
            later.createBegan = Self.since(createBegan, present)
            if later.signupBegan == nil { later.signedUp = nil }
            if later.createBegan == nil { later.unsure = [] }
            later.pauses = 0
            // Announcements decide nothing.
            later.hasWritten = false
            switch phase {
            case .marking(let application): later.phase = .marking(application.ageless)
            case .confirming(let application): later.phase = .confirming(application.ageless)
            case .searchingTwins(let application): later.phase = .searchingTwins(application.ageless)
            case .deleting(let application): later.phase = .deleting(application.ageless)
            default: break
            }
            // Every other decision lists first.
            if case .marking = phase {} else { later.listing = [] }
            if let account,
                confirmedAccount == account.id || account.age.map({ $0 >= Provisioning.settledSeconds }) ?? true
            {
                later.account = account.confirmed
            }
            return later
        }

        /// Nil when an author's time is over.
        private static func since(_ began: Int?, _ present: Int) -> Int? {
            began.flatMap { present - $0 < Provisioning.authorMilliseconds ? $0 - present : nil }
        }
    }
}

extension Application {
    /// No caller was answered its key, and the operator has not suspended it: without what is suspended its owner could make the key
    /// again, and people may take `ok` out of a description.
    var mayBeDeleted: Bool { isProvisional && state != .suspended }

    /// The same without what it says of time.
    fileprivate var ageless: Application {
        Application(
            id: id, serviceID: serviceID, accountID: accountID, plan: plan, state: state, description: description,
            credentials: credentials)
    }
}

// MARK: The decision

extension Provisioning.State {
    fileprivate mutating func decide(_ event: Event) -> Action {
        switch (phase, event) {
        case (.pausing, .refused(let error)): return fail(.call(error))
        case (.start, _), (.pausing(then: .finding), _): return find()
        case (.pausing(then: .listing), _): return list()
        case (.finding, .account(let found)): return afterLookUp(found)
        case (.signingUp, .signedUp(let account)):
            self.account = account
            signedUp = account.id
            return confirm(account, isNew: true)
        case (.signingUp, .refused(let error)):
            guard error.outcomeUnknown || error.isConflict(on: "username") else { return fail(.signup(error)) }
            return pauseAtRandom(then: .finding)
        case (.confirmingAccount(let isNew), let event): return afterAccountConfirmation(event, isNew: isNew)
        case (.discarding, _): return pauseAtRandom(then: .finding)
        case (.abandoning(let error), _): return fail(.creation(error))
        case (.listing, .listed(let applications)):
            listing = applications
            return choose()
        case (.listing, .refused(.notFound)): return pauseAtRandom(then: .finding)
        case (.comparing(let isConflict), .done):
            guard let account else { return find() }
            comparedAccount = account.id
            return isConflict ? fail(.identityConflict(account)) : create(on: account)
        case (.comparing, .refused(.noSuchUser)): return leave()
        case (.creating, .wrote(let application)):
            guard application.owner == goal.owner else { return fail(.markNotReturned(application)) }
            return isOwn(application) ? confirm(application) : list()
        case (.creating, .refused(let error)):
            guard error.outcomeUnknown || error.isConflict(on: "application_id") || error == .notFound else {
                return fail(.creation(error))
            }
            creationError = error
            return list()
        case (.searching(let isEmpty), .listed(let applications)): return afterSearch(applications, isEmpty: isEmpty)
        case (.searchingTwins(let application), .listed(let applications)):
            return afterTwinSearch(of: application, applications)
        case (.clearing(let other), .done):
            phase = .renaming
            return .rename(other)
        case (.renaming, .account(let renamed)):
            creationError = nil
            return afterLookUp(renamed)
        case (.renaming, .refused(let error)):
            guard !error.isTransient else { return fail(.call(error)) }
            creationError = nil
            isFallback = true
            return find()
        case (.confirming(let application), let event): return afterConfirmation(of: application, event)
        case (.marking(let application), let event): return afterMark(of: application, event)
        case (.deleting(let application), let event):
            // It is gone for good.
            if case .done = event { surrendered.remove(application.id) }
            return pauseAtRandom(then: .listing)
        case (.announcing(let ending), _): return end(ending)
        case (_, .refused(let error)): return fail(.call(error))
        default: return fail(.contested)
        }
    }
}

// MARK: The account

extension Provisioning.State {
    private mutating func find() -> Action {
        creationError = nil
        phase = .finding
        isAdoptionConfirmed = false
        return .findAccount
    }

    private mutating func afterLookUp(_ found: Account?) -> Action {
        guard let found, !foreignAccounts.contains(where: { $0.id == found.id }) else { return signUp() }
        account = found
        switch found.user {
        case .exact: comparedAccount = found.id
        case .missing: if comparedAccount == found.id { comparedAccount = nil }
        case .notShown: break
        }
        return found.isBlocked ? fail(.accountBlocked(found)) : list()
    }

    private mutating func signUp() -> Action {
        guard signups < Self.signupsMax else {
            // Signup was refused as well: 3scale takes the two names for one.
            return fail(foreignAccounts.last.map { .identityConflict($0) } ?? .accountMissing)
        }
        signups += 1
        signupBegan = now
        phase = .signingUp
        return .signUp
    }

    /// The account is another person's, whose name is merely like the caller's.
    private mutating func leave() -> Action {
        if let account { foreignAccounts.append(account.confirmed) }
        return signUp()
    }

    private mutating func confirm(_ account: Account, isNew: Bool) -> Action {
        phase = .confirmingAccount(isNew: isNew)
        return .confirmAccount(account)
    }

    /// - Parameter isNew: this call has just signed up for it; else it is confirmed before an adoption.
    private mutating func afterAccountConfirmation(_ event: Event, isNew: Bool) -> Action {
        guard let account else { return fail(.accountMissing) }
        if case .refused(let error) = event {
            if error == .noSuchUser { return leave() }
            if error.isConflict(on: "username") {
                // Another account has the name.
                guard isNew else {
                    hasTwinAccount = true
                    comparedAccount = account.id
                    return search()
                }
                guard isWithinSignup else { return pauseAtRandom(then: .finding) }
                phase = .discarding
                return .deleteAccount(account)
            }
            if error.outcomeUnknown || error.isTransient { return fail(.call(error)) }
        }
        confirmedAccount = account.id
        isAdoptionConfirmed = !isNew
        return isNew && !goal.signupCreates ? create(on: account) : list()
    }

    /// Its signup is over, so that it stays: a young account may still be deleted by the call that made it.
    private func isSettled(_ account: Account) -> Bool {
        if confirmedAccount == account.id || account.age.map({ $0 >= Provisioning.settledSeconds }) ?? true {
            return true
        }
        return listing.contains { $0.owner == goal.owner && $0.mark?.isConfirmed == true }
    }

    private var isWithinSignup: Bool { signupBegan.map { now - $0 < Provisioning.authorMilliseconds } ?? false }

    /// The applications that this call's signup made are its own to mark.
    private func ownsSignup(_ account: Account) -> Bool {
        signedUp == account.id && confirmedAccount == account.id && isWithinSignup
    }
}

// MARK: The application

extension Provisioning.State {
    private mutating func list() -> Action {
        guard let account else { return find() }
        phase = .listing
        return .list(account)
    }

    private mutating func create(on account: Account) -> Action {
        guard isCallers(account) else { return compareName(of: account, isConflict: false) }
        creationError = nil
        creates += 1
        createBegan = now
        phase = .creating
        return .create(on: account, isFallback: isFallback)
    }

    /// - Parameter isConflict: the account carries another owner's mark; else a key is to be created on it.
    private mutating func compareName(of account: Account, isConflict: Bool) -> Action {
        if account.user == .missing { return leave() }
        phase = .comparing(isConflict: isConflict)
        return .compareName(account)
    }

    /// The account has the caller's name. A mark of the caller, or a write to the user that 3scale accepted, says so without a
    /// call.
    private func isCallers(_ account: Account) -> Bool {
        confirmedAccount == account.id || comparedAccount == account.id
            || listing.contains { $0.accountID == account.id && $0.owner == goal.owner }
    }

    private mutating func confirm(_ application: Application) -> Action {
        phase = .confirming(application)
        return .confirm(application)
    }

    /// This call created it and may still decide whether it stays.
    private func isOwn(_ application: Application) -> Bool {
        application.isProvisional && goal.created(application) && !surrendered.contains(application.id)
            && createBegan.map { now - $0 < Provisioning.authorMilliseconds } == true
    }

    private static func isSettled(_ application: Application) -> Bool {
        application.age.map { $0 >= Provisioning.settledSeconds } ?? true
    }

    /// Decides by what the account holds.
    private mutating func choose() -> Action {
        guard let account else { return find() }
        let choice = ApplicationChoice(
            listing, owner: goal.owner, name: goal.name, generation: goal.generation,
            adoptsUnmarked: goal.adoptsUnmarked)
        let marked = choice.marked(on: goal.service)
        if ownsSignup(account), !choice.hasForeignOwner, let unmarked = listing.first(where: { $0.owner == nil }) {
            return mark(unmarked)
        }
        if let confirmed = choice.confirmed(on: goal.service) { return finish(with: confirmed, of: marked) }
        let earlier = marked.filter { !$0.isProvisional }
        if let earlier = earlier.first(where: { $0.state != .suspended }) ?? earlier.first { return confirm(earlier) }
        if !marked.isEmpty { return decideRace(marked) }
        if choice.hasForeignOwner {
            return isCallers(account) ? fail(.identityConflict(account)) : compareName(of: account, isConflict: true)
        }
        guard isSettled(account) else { return wait(then: .finding) }
        if !hasTwinAccount, let unmarked = choice.unmarked(on: goal.service) {
            guard account.user != .missing else { return leave() }
            guard Self.isSettled(unmarked) else { return wait(then: .listing) }
            return isAdoptionConfirmed ? mark(unmarked) : confirm(account, isNew: false)
        }
        return creationError.map { retryCreate(on: account, after: $0) } ?? create(on: account)
    }

    /// The account does not hold what a create was refused for.
    private mutating func retryCreate(on account: Account, after error: APIManagerError) -> Action {
        if error == .notFound, ownsSignup(account), listing.isEmpty {
            // The plan is gone, and no other call uses the account yet.
            phase = .abandoning(error)
            return .deleteAccount(account)
        }
        guard error.isConflict(on: "application_id"), !isFallback else { return fail(.creation(error)) }
        if ownsSignup(account) || creates >= Self.createsMax { return search() }
        creationError = nil
        return pauseAtRandom(then: .listing)
    }

    private mutating func search() -> Action {
        phase = .searching(isEmpty: listing.isEmpty)
        return .search
    }

    /// A renamed person has keys on the account of the former name. Where one account alone holds them, it is used from now on: it
    /// gets the present name, which an account that this call has just created gives up. Of two accounts of one name it has
    /// that name already.
    /// - Parameter isEmpty: nothing is on the present account, so that no other call uses it while it is young.
    private mutating func afterSearch(_ applications: [Application], isEmpty: Bool) -> Action {
        guard let account else { return find() }
        let holders = Set(applications.map(\.accountID)).subtracting([account.id])
        if holders.count == 1, let holder = holders.first {
            guard ownsSignup(account), isEmpty else {
                phase = .renaming
                return .rename(holder)
            }
            signups = 0
            phase = .clearing(holder)
            return .deleteAccount(account)
        }
        // What refused the create may have been deleted before the search.
        if holders.isEmpty, creationError != nil { emptySearches += 1 }
        isFallback = creationError != nil && (!holders.isEmpty || emptySearches >= Self.emptySearchesMax)
        return create(on: account)
    }

    private mutating func finish(with confirmed: Application, of marked: [Application]) -> Action {
        let isAdopted = confirmed.mark?.attempt == nil
        if isAdopted, let unchangedFor = confirmed.unchangedFor, unchangedFor < Provisioning.unchangedSeconds {
            // Ages are differences of whole seconds, so that the next listing shows at least so many more, of a `Date` that may be
            // told a little late.
            let milliseconds = (Provisioning.unchangedSeconds - max(0, unchangedFor)) * 1_000 + 100
            return pause(milliseconds...milliseconds, then: .listing)
        }
        let surplus = marked.first {
            // One of another generation is a rotation's. The next rotation confirms it.
            $0.mayBeDeleted && $0.generation == confirmed.generation && !surrendered.contains($0.id)
                && (isOwn($0) || Self.isSettled($0))
        }
        if let surplus { return delete(surplus) }
        return answer(confirmed)
    }

    /// - Parameter marked: the owner's unconfirmed ones, ascending by id.
    private mutating func decideRace(_ marked: [Application]) -> Action {
        if let own = marked.first(where: { isOwn($0) }) { return confirm(own) }
        guard marked.allSatisfy({ Self.isSettled($0) }) else { return wait(then: .listing) }
        if marked.count > 1, let highest = marked.last(where: { $0.mayBeDeleted }) { return delete(highest) }
        return confirm(marked[0])
    }

    private mutating func afterConfirmation(of application: Application, _ event: Event) -> Action {
        switch event {
        case .wrote(let written):
            guard written.owner == goal.owner, written.mark?.isConfirmed == true else {
                return fail(.markNotReturned(written))
            }
            replace(written)
            return answer(written)
        case .refused(.notFound): return list()
        case .refused(let error) where error.isTwin:
            guard application.isProvisional else { return fail(.keyHasTwin(application)) }
            guard isOwn(application) else {
                phase = .searchingTwins(application)
                return .searchTwins(of: application)
            }
            // An earlier confirmation may still be carried out, and others may then answer it.
            guard !unsure.contains(application.id) else {
                surrendered.insert(application.id)
                return list()
            }
            return delete(application)
        case .refused(let error):
            unsure.insert(application.id)
            unknownOutcomes += 1
            return error.outcomeUnknown && unknownOutcomes < Self.attemptsMax ? list() : fail(.call(error))
        default: return fail(.contested)
        }
    }

    /// 3scale refused to confirm an application that another call left. Its twin may be what such a call left on another account:
    /// then the rule for several on one account decides.
    private mutating func afterTwinSearch(of application: Application, _ applications: [Application]) -> Action {
        let twins = applications.filter { other in
            other.mark?.name == application.mark?.name && other.mark?.generation == application.mark?.generation
                && !Goal.hasSecondID(other) && (other.isProvisional || other.mark?.isConfirmed == true)
        }.sorted { $0.id < $1.id }
        let unconfirmed = twins.filter { $0.isProvisional }
        let surplus = unconfirmed.count < twins.count ? application : unconfirmed.last { $0.mayBeDeleted }
        guard twins.count > 1, let surplus, surplus.mayBeDeleted,
            unconfirmed.contains(where: { $0.id == application.id })
        else {
            twinRefusals += 1
            return twinRefusals < Self.attemptsMax ? pauseAtRandom(then: .listing) : fail(.keyHasTwin(application))
        }
        guard unconfirmed.allSatisfy({ Self.isSettled($0) }) else { return wait(then: .listing) }
        return delete(surplus)
    }

    private mutating func mark(_ application: Application) -> Action {
        phase = .marking(application)
        return .mark(application, isOwn: account.map { ownsSignup($0) } ?? false)
    }

    private mutating func afterMark(of application: Application, _ event: Event) -> Action {
        switch event {
        case .wrote(let written):
            guard written.owner == goal.owner else { return fail(.markNotReturned(written)) }
            replace(written)
            return choose()
        case .refused(.notFound): return list()
        case .refused(let error) where error.isTwin: return fail(.keyHasTwin(application))
        case .refused(let error):
            unknownOutcomes += 1
            return error.outcomeUnknown && unknownOutcomes < Self.attemptsMax ? list() : fail(.call(error))
        default: return fail(.contested)
        }
    }

    private mutating func delete(_ application: Application) -> Action {
        surrendered.insert(application.id)
        creationError = nil
        creates = 0
        phase = .deleting(application)
        return .delete(application)
    }

    private mutating func replace(_ application: Application) {
        listing.removeAll { $0.id == application.id }
        listing.append(application)
        listing.sort { $0.id < $1.id }
    }
}

// MARK: Pauses and the end

extension Provisioning.State {
    /// Until another call has finished what it is at.
    private mutating func wait(then target: Target) -> Action { pause(200...200, then: target) }

    /// So that calls which raced do not meet again.
    private mutating func pauseAtRandom(then target: Target) -> Action { pause(50...250, then: target) }

    private mutating func pause(_ milliseconds: ClosedRange<Int>, then target: Target) -> Action {
        pauses += 1
        guard pauses <= Self.pausesMax else { return fail(.contested) }
        phase = .pausing(then: target)
        isAdoptionConfirmed = false
        account = account?.showing(.notShown)
        return .pause(milliseconds: milliseconds)
    }

    private mutating func answer(_ application: Application) -> Action {
        finish(.answer(application, isNew: goal.created(application)))
    }

    private mutating func fail(_ failure: Failure) -> Action {
        self.failure = failure
        return finish(.failure)
    }

    private mutating func finish(_ ending: Ending) -> Action {
        guard hasWritten else { return end(ending) }
        phase = .announcing(ending)
        return .announce
    }

    private mutating func end(_ ending: Ending) -> Action {
        phase = .ended
        switch ending {
        case .answer(let application, let isNew): return .answer(application, isNew: isNew)
        case .failure: return .fail(failure ?? .contested)
        }
    }
}
