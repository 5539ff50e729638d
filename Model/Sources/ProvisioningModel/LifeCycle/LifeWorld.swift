import HelperCore

/// What the helper writes into the description of a generation, beside its owner and its name.
struct LifeMark: Hashable {
    var isConfirmed = true
    /// Times are seconds since the beginning; negative where there is none.
    var expires: Int32 = -1
    var grace: Int32 = LifeTime.day
    var live: Int32 = -1
    /// When the seal of a pause was written, and that of an end.
    var paused: Int32 = -1
    var ended: Int32 = -1

    /// An end whose seal was given up.
    static let void: Int32 = -2

    /// As `PauseSeal` seals it.
    func sealed(_ purpose: PauseSeal.Purpose, at time: Int32) -> LifeMark {
        var mark = self
        switch purpose {
        case .pause:
            mark.paused = time
            if mark.ended != -1 { mark.ended = Self.void }
        case .end:
            mark.ended = time
            mark.paused = -1
        }
        return mark
    }

    /// Whether a seal was written so lately that a suspension which follows counts as the helper's.
    func isSealFresh(_ now: Int32) -> Bool {
        let isPaused = paused >= 0 && now - paused <= LifeTime.window(.pause)
        return isPaused || (ended >= 0 && now - ended <= LifeTime.window(.end))
    }
}

/// How time passes: by a moment, which is longer than every window of the helper, or by a day, which is its shortest grace and the
/// time from a key's end to its deletion.
enum LifeTime {
    static let moment: Int32 = 30
    static let day: Int32 = 86_400
    /// What the model's time 0 is in 3scale.
    static let origin = 1_000_000

    static func window(_ purpose: PauseSeal.Purpose) -> Int32 { Int32(purpose.window) }
}

/// Everything that can differ between two moments: the generations of one name in 3scale, how far each act is, and what may still
/// go wrong.
struct LifeWorld: Hashable {
    /// An application as 3scale lists it.
    struct Shown: Hashable {
        let id: UInt8
        /// 1 for the owner whose operations are explored, 2 for another one on the same account.
        let owner: UInt8
        let generation: UInt8
        var state: LifeState
        var mark = LifeMark()
        /// 1 + the act that created it; 0 for one that stands since long before.
        var author: UInt8 = 0
        var createdAt: Int32 = 0
        var updatedAt: Int32 = 0
    }

    /// An application and its history, which the helper does not know.
    struct Row: Hashable {
        var shown: Shown
        var isGone = false
        /// When it first worked, and when it was first confirmed.
        var liveAt: Int32 = -1
        var confirmedAt: Int32 = -1
        var suspendedAt: Int32 = -1
        /// A caller was answered that it works.
        var isAnswered = false
        /// Its owner or the operator stopped it, or may have.
        var isExcused = false
        var isSuspendedByOperator = false
        var isResumedByOperator = false
        /// When the operator last resumed it.
        var resumedAt: Int32 = -1
        /// It awaited approval when its owner revoked it, and was approved in that moment.
        var isWithdrawn = false
        /// The helper's suspension counts as the operator's: it came too late for its seal, or a person has edited the description.
        var isTakenForOperators = false
        /// The sweep stopped it.
        var isEndedBySweep = false
        /// When a person moved its end, and from where.
        var movedAt: Int32 = -1
        var movedFrom: Int32 = -1

        var isLive: Bool { !isGone && shown.state == .live }
    }

    /// What an act asks 3scale for next.
    enum Stage: Hashable {
        case idle
        case list
        /// The account once more, before a generation is made or confirmed.
        case listForCreate(generation: UInt8)
        /// Another act's unconfirmed application is too young.
        case wait(generation: UInt8, until: Int32)
        case create(generation: UInt8)
        case confirm(row: UInt8, LifeMark)
        /// The seal of a pause, then the suspension.
        case seal(row: UInt8, LifeMark)
        /// The suspension came late: the seal is written once more.
        case reseal(row: UInt8, LifeMark)
        /// The key once more, since another act may have written its description without the seal.
        case check(row: UInt8)
        case lastSeal(row: UInt8, LifeMark)
        case suspend(row: UInt8)
        /// The suspension has an unknown outcome: the seal is taken off a key that works all the same.
        case unseal(row: UInt8)
        case unsealWrite(row: UInt8, LifeMark)
        case resume(row: UInt8, at: Int32, LifeMark)
        case describe(row: UInt8, LifeMark)
        case stop, remove
        /// The sweep has found something due and lists again, as under its lock.
        case listAgain
        case due
        /// The seal of an end does not count: what the suspension was is decided by another listing.
        case settle(row: UInt8, changedAt: Int32)
        case settleWrite(row: UInt8, changedAt: Int32, LifeMark, PauseSeal.Purpose)
        case over, failed
    }

    struct Call: Hashable {
        var stage = Stage.idle
        var attempts: UInt8 = 0
        var isUnsure = false
        /// Applications that are to be stopped, and then deleted.
        var stops: [UInt8] = []
        var removals: [UInt8] = []
        /// The seal of the one that is being stopped was written.
        var isSealed = false
        /// What the sweep does: what earlier suspensions have left, and the shipped duties, each with the sealed description.
        var unfinished: [Suspension] = []
        var suspensions: [End] = []
        /// When it decided to create, and what the successor is to be.
        var began: Int32 = -1
        var mark = LifeMark()

        var isOver: Bool { stage == .over || stage == .failed }
        var isUnderWay: Bool { stage != .idle && !isOver }
    }

    struct End: Hashable {
        let row: UInt8
        var mark: LifeMark
    }

    struct Suspension: Hashable {
        let row: UInt8
        let changedAt: Int32
    }

    /// A write whose caller does not hear of it any more.
    struct Orphan: Hashable {
        let call: UInt8
        let request: LifeRequest
    }

    var now: Int32 = 0
    var rows: [Row] = []
    var calls: [Call] = []
    var orphans: [Orphan] = []
    /// What rotations of the first application answered; 0 before the first did.
    var successor: UInt8 = 0
    /// What the sweep has suspended without writing what has to follow: it knows for as long as it lives.
    var unfinished: [Suspension] = []
    var losses: UInt8 = 0
    var deaths: UInt8 = 0
    var operatorChanges: UInt8 = 0
    /// How often a person may edit a description.
    var edits: UInt8 = 0
    var moments: UInt8 = 0
    var days: UInt8 = 0
    var broken: LifeInvariant?

    func row(_ id: UInt8) -> Int { Int(id) - 1 }
    var isQuiet: Bool { orphans.isEmpty && calls.allSatisfy { !$0.isUnderWay } }
}

enum LifeState: UInt8 { case live, pending, suspended }

enum LifeRequest: Hashable {
    case create(generation: UInt8, LifeMark)
    case write(row: UInt8, LifeMark)
    case suspend(row: UInt8)
    case resume(row: UInt8)
    case remove(row: UInt8)
}

/// An act of an owner, or the look of a sweep at the account.
enum LifeOperation: Hashable {
    case rotate(UInt8)
    case pause(UInt8)
    case resume(UInt8)
    case revoke(UInt8)
    /// Asks for a key of the name, which is made where there is none.
    case make
    case sweep

    var target: UInt8 {
        switch self {
        case .rotate(let id), .pause(let id), .resume(let id), .revoke(let id): id
        case .make, .sweep: 0
        }
    }
}

enum LifeInvariant: String {
    case works = "a name that was answered has a key that works"
    case stopped = "no key is stopped before its end"
    case operators = "the operator's suspension stays"
    case remade = "what the operator suspended is not made again"
    case revoked = "what was revoked does not work"
    case successor = "a rotation has one successor"
    case foreign = "no key of another owner is touched"
    case rest = "at rest one generation of a name works"
    case ended = "at rest what has ended does not work"
    case deleted = "at rest what the sweep ended is deleted"
}

/// What can be taken away. Each alters what an act sees, or its order; `NamedKeys` stays as it is.
enum LifeRule: String {
    case pendingSuccessor = "a successor that awaits approval retires no generation"
    case suspendedSuccessor = "a successor that the operator suspended retires no generation"
    case confirmed = "a successor that is not confirmed retires no generation"
    case grace = "the old generation works on for the grace"
    case finishedLater = "the grace begins when a later call finished the rotation"
    case olderStopped = "revoking stops the generations before"
    case operatorsStay = "what the operator suspended is neither expired nor deleted"
    case sealed = "what the operator suspended does not count as ended, whatever its end is by now"
    case sealFirst = "the seal of an end is written before the suspension"
    case pendingKept = "a successor that awaits approval is revoked alone"
    case sweepSuspends = "a key that ended is suspended"
    case ownersApart = "each owner's keys are decided by themselves"
}

struct LifeScenario {
    enum OperatorChange { case suspend, resume, approve }

    let name: String
    let operations: [LifeOperation]
    var start = LifeWorld()
    /// What rotations ask for.
    var grace = LifeTime.day
    /// The plan of successors needs an approval.
    var needsApproval = false
    var operatorMay: Set<OperatorChange> = []
    /// The act whose requests and answers may be lost; nil for all.
    var losesOnly: LifeOperation?
    /// No seal comes late and nobody else writes, so that what the sweep ended has to go.
    var endsAreDeleted = false
    var without: LifeRule?
    /// Worlds that are visited: more than any scenario has.
    var limit = 4_000_000

    func without(_ rule: LifeRule) -> LifeScenario {
        var copy = self
        copy.without = rule
        return copy
    }
}
