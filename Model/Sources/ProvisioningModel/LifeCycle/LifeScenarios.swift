/// What is explored of the life of one name.
enum LifeScenarios {
    private static func row(
        _ id: UInt8 = 1, owner: UInt8 = 1, generation: UInt8 = 1, expires: Int32 = -1, isConfirmed: Bool = true
    ) -> LifeWorld.Row {
        var row = LifeWorld.Row(shown: .init(id: id, owner: owner, generation: generation, state: .live))
        row.shown.mark.expires = expires
        row.shown.mark.isConfirmed = isConfirmed
        row.liveAt = 0
        row.confirmedAt = isConfirmed ? 0 : -1
        row.isAnswered = isConfirmed
        return row
    }

    private static func world(
        _ rows: [LifeWorld.Row] = [LifeScenarios.row()], losses: UInt8 = 0, deaths: UInt8 = 0,
        operatorChanges: UInt8 = 0, edits: UInt8 = 0, moments: UInt8 = 1, days: UInt8 = 3
    ) -> LifeWorld {
        LifeWorld(
            rows: rows, losses: losses, deaths: deaths, operatorChanges: operatorChanges, edits: edits,
            moments: moments, days: days)
    }

    static let rotations = LifeScenario(
        name: "a key is rotated by two callers", operations: [.rotate(1), .rotate(1), .sweep],
        start: world(losses: 1, deaths: 1, moments: 2))
    static let second = LifeScenario(
        name: "a second rotation during the grace", operations: [.rotate(1), .rotate(2), .sweep, .sweep],
        start: world(losses: 1, deaths: 1, days: 2))
    static let approval = LifeScenario(
        name: "a successor awaits approval, and is rotated by two callers",
        operations: [.rotate(1), .rotate(1), .sweep, .sweep],
        start: world(losses: 1, deaths: 1, operatorChanges: 1), needsApproval: true, operatorMay: [.approve])
    static let approvalRevoked = LifeScenario(
        name: "a successor that awaits approval is revoked", operations: [.rotate(1), .revoke(2), .sweep],
        start: world(losses: 1, deaths: 1, operatorChanges: 1, days: 2), needsApproval: true, operatorMay: [.approve])
    static let revokeOld = LifeScenario(
        name: "the old key is revoked during the grace", operations: [.rotate(1), .revoke(1), .sweep, .sweep],
        start: world(losses: 1, deaths: 1, days: 2))
    static let revokeNew = LifeScenario(
        name: "the new key is revoked during the grace", operations: [.rotate(1), .revoke(2), .sweep],
        start: world(losses: 1, deaths: 1, days: 2))
    static let expiry = LifeScenario(
        name: "the old key expires during a grace of two days", operations: [.rotate(1), .rotate(1), .sweep, .sweep],
        start: world([row(expires: LifeTime.day)], losses: 1, deaths: 1), grace: 2 * LifeTime.day)
    static let pauseOld = LifeScenario(
        name: "the old key is paused and resumed during the grace",
        operations: [.rotate(1), .pause(1), .resume(1), .sweep], start: world(losses: 1, deaths: 1))
    static let operators = LifeScenario(
        name: "the operator suspends and resumes either", operations: [.rotate(1), .rotate(1), .sweep, .sweep],
        start: world(deaths: 1, operatorChanges: 2), operatorMay: [.suspend, .resume])
    static let operatorsRevoke = LifeScenario(
        name: "the operator suspends either while the owner revokes the old key",
        operations: [.rotate(1), .revoke(1), .sweep, .sweep], start: world(losses: 1, operatorChanges: 1, days: 2),
        operatorMay: [.suspend])
    static let leftover = LifeScenario(
        name: "a successor that a dead call left", operations: [.rotate(1), .rotate(1), .sweep, .sweep],
        start: world([row(), row(2, generation: 2, isConfirmed: false)], losses: 1, deaths: 1, days: 4))
    static let foreign = LifeScenario(
        name: "another owner's key on the account", operations: [.rotate(1), .revoke(1), .sweep],
        start: world(
            [row(), row(2, owner: 2), row(3, owner: 2, generation: 2, expires: LifeTime.day)], losses: 1, days: 2))
    static let ends = LifeScenario(
        name: "a key ends while sweeps die", operations: [.sweep, .sweep],
        start: world([row(expires: LifeTime.day)], losses: 1, deaths: 2, moments: 0), endsAreDeleted: true)
    static let between = LifeScenario(
        name: "the end is moved, or the operator suspends, while a sweep ends the key",
        operations: [.sweep, .sweep, .resume(1)],
        start: world(
            [row(expires: LifeTime.day)], losses: 1, deaths: 1, operatorChanges: 1, edits: 1, moments: 1, days: 2),
        operatorMay: [.suspend, .resume])
    static let edited = LifeScenario(
        name: "a person moves the end of what the operator suspended",
        operations: [.make, .revoke(1), .sweep],
        start: world([row(expires: LifeTime.day)], losses: 1, operatorChanges: 1, edits: 2, days: 2),
        operatorMay: [.suspend])
    static let editedEither = LifeScenario(
        name: "a person moves the end of either, and the operator suspends one",
        operations: [.rotate(1), .make, .sweep],
        start: world([row(expires: LifeTime.day)], operatorChanges: 1, edits: 2, days: 2), operatorMay: [.suspend])
    static let pauseNew = LifeScenario(
        name: "the new key is paused and resumed, and nothing is lost",
        operations: [.rotate(1), .pause(2), .resume(2), .sweep], start: world(moments: 2))
    static let lateConfirmation = LifeScenario(
        name: "a confirmation arrives after the new key was paused",
        operations: [.rotate(1), .pause(2), .resume(2), .sweep], start: world(losses: 1), losesOnly: .rotate(1))
    static let latePause = LifeScenario(
        name: "a pause of the new key arrives while its seal is taken off",
        operations: [.rotate(1), .pause(2), .resume(2), .sweep], start: world(losses: 1), losesOnly: .pause(2))

    static let sound: [LifeScenario] = [
        rotations, second, approval, approvalRevoked, revokeOld, revokeNew, expiry, pauseOld, pauseNew, operators,
        operatorsRevoke, leftover, foreign, ends, between, edited, editedEither,
    ]

    /// What is known to break.
    static let open: [LifeScenario] = [lateConfirmation, latePause]

    /// For each rule, where it is taken away.
    static let broken: [LifeScenario] = [
        approval.without(.pendingSuccessor),
        operators.without(.suspendedSuccessor),
        leftover.without(.confirmed),
        rotations.without(.grace),
        leftover.without(.finishedLater),
        revokeNew.without(.olderStopped),
        operators.without(.operatorsStay),
        edited.without(.sealed),
        ends.without(.sealFirst),
        approvalRevoked.without(.pendingKept),
        rotations.without(.sweepSuspends),
        foreign.without(.ownersApart),
    ]
}
