/// An application of 3scale.
struct App: Hashable {
    var id: UInt8
    var account: UInt8
    /// 0 nobody's, 1 the caller's, 2 somebody else's.
    var mark: UInt8
    /// What must be unique: 1 the derived id, 2 the second one, above that unique by themselves.
    var name: UInt8
    /// The call that made it, from 1; 0 for signup and what was there.
    var by: UInt8
    var deleted = false
}

/// A write on its way through 3scale.
struct Pending: Hashable {
    enum Kind: UInt8, Hashable { case signup, create }
    var call: UInt8
    var kind: Kind
    var account: UInt8
    var name: UInt8
    /// It has passed the uniqueness check.
    var checked = false
    /// The row's number, when it got one at the check.
    var id: UInt8 = 0
}

/// Where a call stands.
enum Step: Hashable {
    case start
    case joined(UInt8)
    case signUp
    case waitSignup
    case lookUpSignup
    case confirm(UInt8)
    case list
    case create
    case waitCreate
    /// After a create: list and confirm, in either order.
    case settle
    case settleListed
    case settleConfirmed
    case takeBack([UInt8], then: UInt8)
    case remove([UInt8], answer: UInt8, isNew: Bool)
    case answered
    case failed
    case crashed

    var isOver: Bool { self == .answered || self == .failed || self == .crashed }
}

struct Call: Hashable {
    /// From 1.
    let number: UInt8
    var step = Step.start
    var account: UInt8 = 0
    /// The account was made by this call's signup and has not been confirmed.
    var unconfirmed = false
    var isNewAccount = false
    var taken = false
    var fallback = false
    var creates: UInt8 = 0
    var signups: UInt8 = 0
    /// What the last listing showed: ids.
    var listed: [UInt8] = []
    var winner: UInt8 = 0
    var answer: UInt8 = 0
    var saysNew = false

    init(number: UInt8) { self.number = number }
}

struct World: Hashable {
    /// Accounts of the caller's name, by number; `accounts/find` answers the lowest.
    var accounts: [UInt8] = []
    var apps: [App] = []
    var pending: [Pending] = []
    var calls: [Call]
    var nextID: UInt8 = 1
    var faults: UInt8 = 0
    var crashes: UInt8 = 0

    /// What `accounts/find` answers; 0 for none.
    var winner: UInt8 { accounts.min() ?? 0 }

    func live(on account: UInt8) -> [App] {
        apps.filter { $0.account == account && !$0.deleted }.sorted { $0.id < $1.id }
    }
    func app(_ id: UInt8) -> App? { apps.first { $0.id == id } }
    mutating func delete(_ id: UInt8) {
        if let index = apps.firstIndex(where: { $0.id == id }) { apps[index].deleted = true }
    }
    mutating func number() -> UInt8 {
        defer { nextID += 1 }
        return nextID
    }
}
