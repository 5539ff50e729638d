/// A queue whose members may leave from anywhere, each in constant time: a doubly linked list in one array.
struct WaitingLine<Member> {
    /// Names a member from the time it joined until it leaves; later it names none.
    struct Ticket {
        fileprivate let index: Int
        fileprivate let number: UInt64
    }

    private struct Link {
        var member: Member?
        /// Differs for each member that has ever stood here.
        var number: UInt64
        var previous: Int
        var next: Int
    }

    private static var none: Int { -1 }
    /// Memory for so many members is kept while the line is empty.
    private static var keptLinksMax: Int { 64 }

    private var links: [Link] = []
    /// The first of the unused links, which are chained by `next`.
    private var unused = none
    private var first = none
    private var last = none
    private var numbers: UInt64 = 0
    private(set) var count = 0

    /// The member that joined first.
    var oldest: Member? { first == Self.none ? nil : links[first].member }

    /// Adds a member at the end.
    mutating func append(_ member: Member) -> Ticket {
        numbers &+= 1
        let link = Link(member: member, number: numbers, previous: last, next: Self.none)
        let index: Int
        if unused == Self.none {
            index = links.count
            links.append(link)
        } else {
            index = unused
            unused = links[index].next
            links[index] = link
        }
        if last == Self.none { first = index } else { links[last].next = index }
        last = index
        count += 1
        return Ticket(index: index, number: numbers)
    }

    /// Takes out the member of a ticket; nil when it has left before.
    @discardableResult
    mutating func remove(_ ticket: Ticket) -> Member? {
        guard links.indices.contains(ticket.index), links[ticket.index].number == ticket.number else { return nil }
        return remove(at: ticket.index)
    }

    mutating func removeOldest() -> Member? { first == Self.none ? nil : remove(at: first) }

    mutating func removeNewest() -> Member? { last == Self.none ? nil : remove(at: last) }

    private mutating func remove(at index: Int) -> Member? {
        let link = links[index]
        if link.previous == Self.none { first = link.next } else { links[link.previous].next = link.next }
        if link.next == Self.none { last = link.previous } else { links[link.next].previous = link.previous }
        count -= 1
        if count == 0, links.count > Self.keptLinksMax {
            links = []
            unused = Self.none
        } else {
            links[index] = Link(member: nil, number: 0, previous: Self.none, next: unused)
            unused = index
        }
        return link.member
    }
}
