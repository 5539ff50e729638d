import Bytes
import Configuration
import HTTP
import HTTPClient
import HelperCore
import JSON
import Redis

@testable import SharedState
@testable import ThreeScale

/// Every reader of a number that a peer, a file or a person chose, at the edges of 64 bits too. None traps, and what each
/// answers is in the range that its callers count with.
enum ForeignNumberTarget: FuzzTarget {
    static let name = "foreign-number"

    private static let policy = RatePolicy(
        .write, [.init(limit: 30, seconds: 60), .init(limit: 1_000_000_000, seconds: 366 * 86_400)])

    static func run(_ input: UnsafeBufferPointer<UInt8>) {
        let (choice, rest) = input.steered
        let text = String(decoding: rest, as: UTF8.self)
        switch choice % 8 {
        case 0: number(text)
        case 1: date(text)
        case 2: limits(text)
        case 3: duration(text)
        case 4: json(Array(rest))
        case 5: verdict(rest)
        case 6: retryAfter(text, status: 429)
        default: rounding(rest)
        }
    }

    private static func number(_ text: String) {
        guard let number = ForeignNumber(text) else {
            require(Int(text) == nil || text.hasPrefix("+"), "'\(text)' is refused")
            return
        }
        check(number)
        if let value = Int(text) { require(number.within(value...value) == value, "'\(text)' became \(number)") }
    }

    private static func check(_ number: ForeignNumber) {
        for range in [0...0, -5...5, 0...Int.max, Int.min...0, Int.min...Int.max] {
            let clamped = number.clamped(to: range)
            require(range.contains(clamped), "\(number) clamped is \(clamped)")
            if let value = number.within(range) { require(value == clamped, "\(number) is \(value) and \(clamped)") }
        }
    }

    private static func rounding(_ bytes: UnsafeBufferPointer<UInt8>) {
        let double = Double(bitPattern: UInt64(bitPattern: integers(bytes, 1)[0]))
        if let number = ForeignNumber(rounding: double) { check(number) } else { require(double.isNaN, "\(double)") }
    }

    private static func date(_ text: String) {
        guard let seconds = HTTPDate.seconds(text) else { return }
        require((0...253_402_387_200).contains(seconds), "'\(text)' is \(seconds)")
        // A leap second may end in the year 10000, which is not read.
        guard seconds < 253_402_300_800 else { return }
        require(HTTPDate.seconds(HTTPDate.format(seconds)) == seconds, "\(seconds) is not read back")
    }

    private static func limits(_ text: String) {
        guard let limits = try? RateLimits(parsing: text) else { return }
        for policy in [limits.read, limits.write, limits.authFailure].compactMap(\.self) {
            for window in policy.windows {
                require(window.limit >= 1 && window.seconds >= 1, "'\(text)' gives \(window)")
                let message = LeaseMessage(name: 1, used: 2, keep: 3, need: 4, ahead: 5)
                _ = RateScript.command([(.address("192.0.2.1"), message)], policy, holder: "a")
            }
        }
    }

    private static func duration(_ text: String) {
        guard let duration = ConfigReader.duration(text) else { return }
        require(duration >= .zero, "'\(text)' is \(duration)")
        let again = ConfigReader.duration(ConfigReader.text(duration))
        require(again == duration, "'\(text)' is not written as it was read")
    }

    private static func json(_ bytes: [UInt8]) {
        guard let value = try? JSONValue(parsing: bytes) else { return }
        if let number = value.int(in: 0...1_000) { require((0...1_000).contains(number), "\(number)") }
        if let number = value.int { require(value.int(in: number...number) == number, "\(number)") }
        if let double = value.double { require(double.isFinite, "\(double)") }
    }

    private static func verdict(_ bytes: UnsafeBufferPointer<UInt8>) {
        let message = LeaseMessage(name: 1, used: 2, keep: 3, need: 4, ahead: 5)
        let reply = RESPValue.array([.array(integers(bytes, 7).map { .integer(ForeignNumber($0)) })])
        guard let answer = RateScript.answers(reply, to: [(.address("192.0.2.1"), message)], policy)?.first else {
            return
        }
        let window = policy.windows[answer.window]
        for index in 0..<message.need {
            let verdict = answer.verdict(index)
            require((0...window.limit + message.ahead + message.need).contains(verdict.remaining), "\(verdict)")
            require((1...2 * window.seconds + 2).contains(verdict.resetSeconds), "\(verdict)")
        }
    }

    private static func retryAfter(_ text: String, status: Int) {
        var fields = HTTPFields()
        fields.append("retry-after", text)
        let response = HTTPClientResponse(status: HTTPStatus(code: status, reason: ""), fields: fields, body: [])
        do throws(APIManagerError) {
            _ = try ThreeScaleAnswer.value(of: response, isWrite: false, now: 1_700_000_000)
        } catch {
            guard case .unavailable(let wait, _, _) = error else { return require(false, "\(error)") }
            if let wait { require(wait >= .zero && wait <= .seconds(1_000_000_000), "'\(text)' waits \(wait)") }
        }
    }

    /// So many numbers of the bytes; what is missing is zero.
    private static func integers(_ bytes: UnsafeBufferPointer<UInt8>, _ count: Int) -> [Int64] {
        (0..<count).map { index in
            bytes.dropFirst(index * 8).prefix(8).reduce(Int64(0)) { $0 << 8 | Int64($1) }
        }
    }
}
