/// Why a call about one of the caller's API keys was refused. The HTTP face finds the words.
package enum KeyError: Error, Sendable, Hashable {
    /// What was to be done with the key.
    package enum Act: String, Sendable { case changed, paused, resumed, revoked }

    /// Also for another person's key.
    case notFound
    /// The key was made elsewhere and has no owner's mark.
    case unmarked(application: Int)
    /// The operator limits the life of keys.
    case endsTooLate(secondsLeft: Int)
    /// The key's state does not allow the act.
    case wrongState(KeyState, Act, application: Int)
    /// 3scale refused the change, since another call had changed the key's state.
    case changedMeanwhile(application: Int)
    /// The key is in a state from which none follows.
    case notRotatable(KeyState, application: Int)
    /// The service takes access tokens of the key's client.
    case takesTokens(service: Int)
    /// No connection to the gateway became free in time.
    case tooManyTests
    /// The helper's 3scale token may not read usage.
    /// - Parameter cause: for the log.
    case usageNotReadable(cause: String)
    /// A key may have only a plan that needs no approval in place of its own.
    case planNeedsApproval(plan: Int, service: Int)
    /// No further generation can be counted.
    case exhausted
    /// The owner has as many keys for the service as the operator allows.
    /// - Parameter names: how many the owner has.
    case limitReached(max: Int, names: Int, service: Int)
}
