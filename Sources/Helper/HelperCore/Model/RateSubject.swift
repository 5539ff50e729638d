/// Whom requests are counted under.
package enum RateSubject: Sendable, Hashable, CustomStringConvertible {
    /// Whoever has signed in, whatever the token, the user name or the address of today.
    case owner(OwnerMark)
    /// A client that nobody has signed for: its address, or the network that is as good as one.
    case address(String)

    /// The name that replicas count under together.
    package var description: String {
        switch self {
        case .owner(let mark): mark.description
        case .address(let text): text
        }
    }
}
