/// News that makes what is remembered of callers out of date.
package enum CallerChange: Sendable, Equatable {
    /// Applications of this owner have been made, changed or deleted.
    case keys(of: OwnerMark)
    /// News may have been missed: nothing remembered is fresh.
    case everything
}
