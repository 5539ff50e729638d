/// Whom requests are counted under.
package enum RateSubject: Sendable, Hashable, CustomStringConvertible {
    /// A signed-in caller, by owner mark: the same for every token, user name and address.
    case owner(OwnerMark)
    /// A client without a valid token: its address, or its IPv6 network.
    case address(String)

    /// The name that replicas count under together.
    package var description: String {
        switch self {
        case .owner(let mark): mark.description
        case .address(let text): text
        }
    }
}
