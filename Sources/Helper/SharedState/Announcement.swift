import Bytes
import HelperCore
import Redis

/// How a change travels: `1`, who tells it, and the owner's mark, `end:` with account and time, `-` and the mark of ended
/// sessions, or `*` for everything.
enum Announcement {
    static let channel = "mlaas:changes"

    static func command(_ change: CallerChange, from teller: String) -> RESPCommand {
        RESPCommand([Array("PUBLISH".utf8), Array(channel.utf8), encode(change, from: teller)])
    }

    static func encode(_ change: CallerChange, from teller: String) -> [UInt8] {
        switch change {
        case .keys(let mark): Array("1 \(teller) \(mark)".utf8)
        case .deadline(let account, let time): Array("1 \(teller) end:\(account):\(time)".utf8)
        case .sessions(let mark): Array("1 \(teller) -\(mark)".utf8)
        case .everything: Array("1 \(teller) *".utf8)
        }
    }

    /// Nil for what we have told ourselves. A text that cannot be read means everything: its sender knows of a change that we do not understand.
    static func decode(_ bytes: [UInt8], by reader: String) -> CallerChange? {
        let words = String(decoding: bytes, as: UTF8.self).split(separator: " ")
        guard words.count == 3, words[0] == "1" else { return .everything }
        if words[1] == reader { return nil }
        let parts = words[2].split(separator: ":", omittingEmptySubsequences: false)
        if parts.count == 3, parts[0] == "end", let account = ForeignNumber(parts[1])?.within(0 ... .max),
            let time = ForeignNumber(parts[2])?.within(ApplicationMark.times)
        {
            return .deadline(account: account, at: time)
        }
        if words[2].hasPrefix("-"), let mark = OwnerMark(digits: String(words[2].dropFirst())) {
            return .sessions(mark)
        }
        guard let mark = OwnerMark(digits: String(words[2])) else { return .everything }
        return .keys(of: mark)
    }
}
