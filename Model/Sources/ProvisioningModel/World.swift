/// Everything that can differ between two moments: what 3scale holds, how far each call is, and what may still go wrong.
struct World: Hashable {
    /// An application, or one that 3scale has given an id and not committed.
    struct Row: Hashable {
        let id: UInt8
        let account: UInt8
        /// Equal where 3scale compares equal application ids.
        let name: UInt8
        /// 0 without a mark, else 1 + person.
        var owner: UInt8 = 0
        /// 0 without one, 1 + call while that decides something, else 9.
        var attempt: UInt8 = 0
        var hasSecondID = false
        var isConfirmed = false
        var isCommitted = false
        var age: UInt8 = 0
        /// Counts where others may write the same mark; else as long as any rule asks.
        var unchanged = Step.unchanged
        /// Whose it is by its history: 1 + person; 0 when nobody had it before.
        var home: UInt8 = 0
    }

    struct Holder: Hashable {
        let id: UInt8
        var name: UInt8
        var isCommitted = false
        var age: UInt8 = 0
    }

    /// Where the request of a call is.
    enum Stage: UInt8 {
        case sent
        /// A write passed 3scale's check and has its id.
        case checked
        /// Answered, and the answer is on the way until time has passed.
        case held, arriving
        case answered, failed, dead
    }

    struct Call: Hashable {
        var node: Int32
        var stage = Stage.sent
        /// What a checked write is about to commit.
        var target: UInt8 = 0
        /// Steps of time since a write was sent, or since it was checked.
        var waited: UInt8 = 0
        var event: Int32 = -1
        /// The row that was answered.
        var answer: UInt8 = 0
        /// The account that 3scale let this call write to, where no later write asks again.
        var confirmed: UInt8 = 0
        var isOver: Bool { stage.rawValue >= Stage.answered.rawValue }
    }

    /// A write whose caller does not hear of it any more.
    struct Orphan: Hashable {
        var call: UInt8
        let request: Int32
        var isChecked: Bool
        var target: UInt8
        var waited: UInt8
    }

    var accounts: [Holder] = []
    var rows: [Row] = []
    var calls: [Call] = []
    var orphans: [Orphan] = []
    var nextID: UInt8 = 1
    /// Answers that may still get lost, calls that may still die, answers that may still be late.
    var losses: UInt8 = 0
    var deaths: UInt8 = 0
    var delays: UInt8 = 0

    func row(_ id: UInt8) -> Int? { rows.firstIndex { $0.id == id } }
    func account(_ id: UInt8) -> Int? { accounts.firstIndex { $0.id == id && $0.isCommitted } }
    func isTaken(_ name: UInt8, besides account: UInt8) -> Bool {
        accounts.contains { $0.isCommitted && $0.id != account && $0.name == name }
    }
    func isTaken(application name: UInt8, besides row: UInt8) -> Bool {
        rows.contains { $0.isCommitted && $0.id != row && $0.name == name }
    }
}

/// How a trace tells a step.
struct Label {
    enum Verb: UInt8 {
        case does = 0, isGivenAnID, commits, isRefused, losesTheAnswer, isLate, dies, hears, lateCheck, lateCommit, time
    }
    var call: UInt8 = 0
    var verb: Verb = .time
    var request: Int32 = -1
    var id: UInt8 = 0
}
