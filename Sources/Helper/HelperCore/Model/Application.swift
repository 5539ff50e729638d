/// An application of 3scale: what a key belongs to. Holds secrets; never logged.
package struct Application: Sendable, Hashable {
    /// Those we act on; 3scale's rare others are read as `suspended`, since their keys do not work either.
    package enum State: String, Sendable {
        case live, pending, suspended

        /// Live before pending before suspended.
        var rank: Int {
            switch self {
            case .live: 0
            case .pending: 1
            case .suspended: 2
            }
        }
    }

    package enum Credentials: Sendable, Hashable {
        case userKey(String)
        /// Keys stand in a list of their own.
        case appID(String)
        case client(id: String, secret: String)
        /// 3scale showed none.
        case none
    }

    package let id: Int
    package let serviceID: Int
    package let accountID: Int
    package let plan: PlanReference
    package let state: State
    package let description: String?
    package let credentials: Credentials
    /// Seconds from its creation to the answer that showed it, by 3scale's clock; nil when 3scale does not tell.
    package let age: Int?
    /// Seconds from its last change to the answer that showed it.
    package let unchangedFor: Int?
    /// When it was created, in seconds since 1970; nil when 3scale does not tell.
    package let createdAt: Int?
    /// When it was last changed, in seconds since 1970.
    package let updatedAt: Int?
    /// When 3scale first counted a call on the last day on which it counted one, in seconds since 1970.
    package let lastUsedAt: Int?
    /// Nil for one that was made in the portal or at signup.
    package let mark: ApplicationMark?
    package var owner: OwnerMark? { mark?.owner }
    /// How often the key was rotated, plus 1.
    package var generation: Int { mark?.generation ?? 1 }
    /// When 3scale showed it by its own clock, in seconds since 1970; nil when it does not tell.
    package let shownAt: Int?
    /// A call created it and has not confirmed it: no caller has its key.
    package var isProvisional: Bool { mark?.isProvisional == true }
    /// It was changed after it was created, as by the confirmation whose `ok` a person took out of the description, or its key was used.
    /// Both times are of whole seconds, and of one write.
    var mayBeInUse: Bool {
        if lastUsedAt != nil { return true }
        guard let createdAt, let updatedAt else { return false }
        return updatedAt - createdAt > 1
    }

    package init(
        id: Int, serviceID: Int, accountID: Int, plan: PlanReference, state: State, description: String?,
        credentials: Credentials, age: Int? = nil, unchangedFor: Int? = nil, createdAt: Int? = nil,
        updatedAt: Int? = nil, lastUsedAt: Int? = nil, shownAt: Int? = nil
    ) {
        self.lastUsedAt = lastUsedAt
        self.shownAt = shownAt
        self.id = id
        self.serviceID = serviceID
        self.accountID = accountID
        self.plan = plan
        self.state = state
        self.description = description
        self.credentials = credentials
        self.age = age
        self.unchangedFor = unchangedFor
        self.createdAt = createdAt
        self.updatedAt = updatedAt
        mark = ApplicationMark(readingFrom: description)
    }

    /// The same in another state.
    func inState(_ state: State) -> Application {
        Application(
            id: id, serviceID: serviceID, accountID: accountID, plan: plan, state: state, description: description,
            credentials: credentials, age: age, unchangedFor: unchangedFor, createdAt: createdAt, updatedAt: updatedAt,
            lastUsedAt: lastUsedAt, shownAt: shownAt)
    }
}

/// A plan as an application names it; it may be a custom one that no catalogue lists.
package struct PlanReference: Sendable, Hashable {
    package let id: Int
    package let name: String

    package init(id: Int, name: String) {
        self.id = id
        self.name = name
    }
}

/// A developer account of 3scale.
package struct Account: Sendable, Hashable {
    /// What the answer that showed an account says of its users.
    package enum NamedUser: Sendable, Hashable {
        /// It shows none.
        case notShown
        /// One has exactly the name that was looked up.
        case exact(id: Int)
        /// None has: 3scale found a name that is merely alike.
        case missing
    }

    package let id: Int
    /// `approved`, `created`, `pending`, …
    package let state: String
    /// Signup could not finish the account by itself, and no call has tried to. Its keys work all the same.
    package let needsRepair: Bool
    /// Seconds from its signup to the answer that showed it, by 3scale's clock; nil when 3scale does not tell.
    package let age: Int?
    /// True of the moment of that answer alone.
    package let user: NamedUser

    /// 3scale's operator has closed it, so that no key on it may be created or shown.
    package var isBlocked: Bool { ["rejected", "suspended", "scheduled_for_deletion"].contains(state) }

    package init(id: Int, state: String, age: Int? = nil, user: NamedUser = .notShown) {
        self.init(
            id: id, state: state, needsRepair: state == "created" || state == "pending", age: age, user: user)
    }

    private init(id: Int, state: String, needsRepair: Bool, age: Int?, user: NamedUser) {
        self.age = age
        self.id = id
        self.state = state
        self.needsRepair = needsRepair
        self.user = user
    }

    /// The same once 3scale has accepted a second write to its user, whatever its age.
    var confirmed: Account { Account(id: id, state: state, needsRepair: needsRepair, age: nil, user: user) }

    /// The same after a repair that did not work: there is no use in trying again for every call.
    var leftAsItIs: Account { Account(id: id, state: state, needsRepair: false, age: age, user: user) }

    /// The same with what another answer says of its users.
    package func showing(_ user: NamedUser) -> Account {
        Account(id: id, state: state, needsRepair: needsRepair, age: age, user: user)
    }
}

/// The account of a renamed person.
package struct RenamedAccount: Sendable {
    package let account: Account
    /// Its user got the present name; false where a user of it, or of another account, has that name.
    package let isWritten: Bool

    package init(_ account: Account, isWritten: Bool) {
        self.account = account
        self.isWritten = isWritten
    }
}

/// A caller's key for one service. Holds secrets; never logged.
package struct IssuedKey: Sendable, Equatable {
    package let serviceID: Int
    package let applicationID: Int
    package let state: Application.State
    package let plan: PlanReference
    /// The one text a simple client needs: user key, app key or client secret. Nil when 3scale shows none.
    package let key: String?
    /// It carries its owner's mark: no other person of the same user name can be its owner.
    package let isMarked: Bool
    /// The application's public id, where the method has one: `app_id` or `client_id`.
    package let publicID: String?

    /// The same without the secret.
    package var withoutSecret: IssuedKey { IssuedKey(hiding: self) }

    private init(hiding issued: IssuedKey) {
        serviceID = issued.serviceID
        applicationID = issued.applicationID
        state = issued.state
        plan = issued.plan
        isMarked = issued.isMarked
        publicID = issued.publicID
        key = nil
    }

    /// What an application's credentials come to for its owner.
    /// - Parameter firstKey: the oldest of the application's keys, where its method has a list of them.
    init(of application: Application, firstKey: String?) {
        serviceID = application.serviceID
        applicationID = application.id
        state = application.state
        plan = application.plan
        isMarked = application.mark != nil
        (key, publicID) =
            switch application.credentials {
            case .userKey(let userKey): (userKey, nil)
            case .client(let id, let secret): (secret, id)
            case .appID(let id): (firstKey, id)
            case .none: (nil, nil)
            }
    }
}
