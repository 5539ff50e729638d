/// News that makes what is remembered of callers out of date.
package enum CallerChange: Sendable, Equatable {
    /// Applications of this owner have been made, changed or deleted.
    case keys(of: OwnerMark)
    /// A key of an account ends at a time, in seconds since 1970.
    case deadline(account: Int, at: Int)
    /// Sessions of the portal under this mark have ended.
    case sessions(OwnerMark)
    /// News may have been missed: nothing remembered is fresh.
    case everything
}
