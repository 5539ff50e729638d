/// For whom calls to other systems are made. The calls of one owner share a queue.
package enum CallOwner: Hashable, Sendable {
    case caller(OwnerMark)
    /// The catalogue, probes and what no caller waits for.
    case background

    /// Set where a caller's work begins; work that is spawned from there inherits it.
    @TaskLocal package static var current = CallOwner.background
}
