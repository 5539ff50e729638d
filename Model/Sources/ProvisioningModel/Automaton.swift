import HelperCore

/// The shipped value as a table: each state of a call, and what it does after each event. The value is asked once for each pair.
final class Automaton {
    /// What a call has 3scale do.
    enum Request: Hashable {
        case find, signUp, search, searchTwins
        /// - Parameter knowsUser: the look-up has told which user to write to.
        case confirmAccount(UInt8, knowsUser: Bool)
        case compareName(UInt8), deleteAccount(UInt8), list(UInt8), rename(UInt8)
        case create(account: UInt8, isFallback: Bool)
        case confirm(UInt8)
        case mark(UInt8, isOwn: Bool)
        case delete(UInt8)
        case answer(UInt8)
        case fail(String)

        var isWrite: Bool {
            switch self {
            case .find, .search, .searchTwins, .compareName, .list, .answer, .fail: false
            default: true
            }
        }
    }

    enum Refusal: Hashable { case unknown, nameTaken, idTaken, notFound, noSuchUser }

    /// What a look-up shows of the account's users.
    enum Users: Hashable { case notShown, exact, missing }

    /// An application as an answer shows it to one call.
    struct View: Hashable {
        let id: UInt8
        let account: UInt8
        let owner: UInt8
        /// 0 without one, 1 where this call created it, 9 where another did: calls are told apart by that alone, so that all of one
        /// person go through the same states.
        let attempt: UInt8
        let hasSecondID: Bool
        let isConfirmed: Bool
        let age: Int?
        let unchangedFor: Int?
    }

    enum Event: Hashable {
        case account(UInt8, age: Int?, Users)
        case noAccount
        case signedUp(UInt8)
        case listed([View])
        case wrote(View)
        case renamed(UInt8)
        /// The user keeps its name, since another account has the one that the call wanted.
        case keptName(UInt8)
        case done
        case refused(Refusal)
    }

    private struct Node: Hashable {
        let state: Provisioning.State
        let request: Request
        /// With the author's time taken away: the clock of this call stands still.
        let isTimeless: Bool
    }

    private struct Arc: Hashable {
        let node: Int32
        let event: Int32
    }

    static let service = 1
    private var nodes: [Node] = []
    private var numbers: [Node: Int32] = [:]
    private var events: [Event] = []
    private var eventNumbers: [Event: Int32] = [:]
    private var arcs: [Arc: Int32] = [:]
    private var aged: [Int32: Int32] = [:]
    /// By node: the number of the request that it has sent.
    private var sent: [Int32] = []
    private var requests: [Request] = []
    private var requestNumbers: [Request: Int32] = [:]
    private let owners: [OwnerMark] = [
        OwnerMark(issuer: "https://sso.example.com", subject: "0"),
        OwnerMark(issuer: "https://second.example.com", subject: "0"),
    ]

    var count: Int { nodes.count }
    var arcCount: Int { arcs.count }

    func begin(person: Int, adopts: Bool, signupCreates: Bool, isTimeless: Bool) -> Int32 {
        var state = Provisioning.State(
            .init(
                owner: owners[person], service: Self.service, attempt: "1", adoptsUnmarked: adopts,
                signupCreates: signupCreates))
        let action = state.next(.began, at: 0)
        return number(state, action, isTimeless)
    }

    func number(of event: Event) -> Int32 {
        if let known = eventNumbers[event] { return known }
        events.append(event)
        let number = Int32(events.count - 1)
        eventNumbers[event] = number
        return number
    }

    func request(_ node: Int32) -> Request { requests[Int(sent[Int(node)])] }
    func requestNumber(_ node: Int32) -> Int32 { sent[Int(node)] }
    func request(numbered number: Int32) -> Request { requests[Int(number)] }

    private func number(of request: Request) -> Int32 {
        if let known = requestNumbers[request] { return known }
        requests.append(request)
        let number = Int32(requests.count - 1)
        requestNumbers[request] = number
        return number
    }

    func next(_ node: Int32, _ event: Int32) -> Int32 {
        let arc = Arc(node: node, event: event)
        if let known = arcs[arc] { return known }
        let old = nodes[Int(node)]
        var state = old.state
        var action = state.next(translate(events[Int(event)]), at: 0)
        // Neither takes anything from 3scale, and what follows a pause may be as late as it likes.
        while true {
            switch action {
            case .pause, .announce: action = state.next(.done, at: 0)
            default:
                let next = number(state, action, old.isTimeless)
                arcs[arc] = next
                return next
            }
        }
    }

    /// The same call one step of time later.
    func later(_ node: Int32) -> Int32 {
        if let known = aged[node] { return known }
        let old = nodes[Int(node)]
        let next = old.isTimeless ? node : number(old.state.later(by: Step.milliseconds), old.request, false)
        aged[node] = next
        return next
    }

    private func number(_ state: Provisioning.State, _ action: Provisioning.Action, _ isTimeless: Bool) -> Int32 {
        number(state.later(by: 0), request(action), isTimeless)
    }

    private func number(_ state: Provisioning.State, _ request: Request, _ isTimeless: Bool) -> Int32 {
        let node = Node(state: state, request: request, isTimeless: isTimeless)
        if let known = numbers[node] { return known }
        nodes.append(node)
        sent.append(self.number(of: request))
        let number = Int32(nodes.count - 1)
        numbers[node] = number
        return number
    }

    // MARK: Between the value's words and small numbers

    private func request(_ action: Provisioning.Action) -> Request {
        switch action {
        case .findAccount: .find
        case .signUp: .signUp
        case .confirmAccount(let account):
            .confirmAccount(UInt8(account.id), knowsUser: account.user == .exact(id: 0))
        case .deleteAccount(let account): .deleteAccount(UInt8(account.id))
        case .list(let account): .list(UInt8(account.id))
        case .create(let account, let isFallback): .create(account: UInt8(account.id), isFallback: isFallback)
        case .search: .search
        case .searchTwins: .searchTwins
        case .compareName(let account): .compareName(UInt8(account.id))
        case .rename(let account): .rename(UInt8(account))
        case .confirm(let row): .confirm(UInt8(row.id))
        case .mark(let row, let isOwn): .mark(UInt8(row.id), isOwn: isOwn)
        case .delete(let row): .delete(UInt8(row.id))
        case .answer(let row, _): .answer(UInt8(row.id))
        case .fail(let failure): .fail("\(failure)".prefix { $0 != "(" }.description)
        case .pause, .announce: .find
        }
    }

    private func translate(_ event: Event) -> Provisioning.Event {
        switch event {
        case .account(let id, let age, let users):
            .account(Account(id: Int(id), state: "approved", age: age, user: user(users)))
        case .noAccount: .account(nil)
        case .signedUp(let id): .signedUp(Account(id: Int(id), state: "approved"))
        case .listed(let views): .listed(views.map(application))
        case .wrote(let view): .wrote(application(view))
        case .renamed(let id), .keptName(let id): .account(Account(id: Int(id), state: "approved"))
        case .done: .done
        case .refused(let refusal): .refused(error(refusal))
        }
    }

    private func user(_ users: Users) -> Account.NamedUser {
        switch users {
        case .notShown: .notShown
        case .exact: .exact(id: 0)
        case .missing: .missing
        }
    }

    private func error(_ refusal: Refusal) -> APIManagerError {
        func taken(_ field: String) -> APIManagerError {
            .rejected(status: 422, details: [.init(field: field, issue: "has already been taken")])
        }
        return switch refusal {
        case .unknown: .timeout(cause: "lost", outcomeUnknown: true)
        case .nameTaken: taken("username")
        case .idTaken: taken("application_id")
        case .notFound: .notFound
        case .noSuchUser: .noSuchUser
        }
    }

    private func application(_ view: View) -> Application {
        var mark: String?
        if view.owner > 0 {
            let attempt = Provisioning.Goal.attempt("\(view.attempt)", isFallback: view.hasSecondID)
            mark =
                "[mlaas owner=\(owners[Int(view.owner) - 1])\(view.attempt > 0 ? " attempt=\(attempt)" : "")"
                + "\(view.isConfirmed ? " ok" : "")]"
        }
        return Application(
            id: Int(view.id), serviceID: Self.service, accountID: Int(view.account), plan: .init(id: 1, name: "Plan"),
            state: .live, description: mark, credentials: .userKey("key"), age: view.age,
            unchangedFor: view.unchangedFor)
    }
}
