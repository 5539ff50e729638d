/// What the owner of a client may want to log or count. Told on a loop; must not block.
package enum RedisEvent: Sendable, Equatable {
    /// The state of one connection has changed.
    case link(String, LinkStatus)
    /// A command, a greeting or an attempt to connect has failed.
    case failed(RedisError)
}

package enum LinkStatus: Sendable, Equatable {
    case up
    /// Connected, but late with replies: no commands are sent for a while.
    case slow
    case down(String)
}
