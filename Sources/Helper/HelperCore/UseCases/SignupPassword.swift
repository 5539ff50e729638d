import Crypto

/// A password that is never typed: 24 random characters of all four classes. Never logged, never stored.
enum SignupPassword {
    private static let classes: [[UInt8]] = [
        Array("ABCDEFGHJKLMNPQRSTUVWXYZ".utf8), Array("abcdefghijkmnopqrstuvwxyz".utf8), Array("23456789".utf8),
        Array("!#$%*+-.=?@^_~".utf8),
    ]
    private static let length = 24

    static func make() -> String {
        let all = classes.flatMap { $0 }
        // One of each class, the rest from all, then shuffled: no place is tied to a class.
        var characters = classes.map { $0[SecureRandom.uniform(below: $0.count)] }
        while characters.count < length { characters.append(all[SecureRandom.uniform(below: all.count)]) }
        for index in stride(from: characters.count - 1, to: 0, by: -1) {
            characters.swapAt(index, SecureRandom.uniform(below: index + 1))
        }
        return String(decoding: characters, as: UTF8.self)
    }
}
