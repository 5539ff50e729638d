/// Numbers as text, without a string in between.
enum Decimal {
    /// Appends the digits of a number. A negative one is written as 0, since no length or count is negative.
    static func append(_ number: Int, to out: inout [UInt8]) {
        var digits = InlineArray<20, UInt8>(repeating: 0)
        var start = digits.count
        var rest = UInt(max(0, number))
        repeat {
            start -= 1
            let (quotient, remainder) = rest.quotientAndRemainder(dividingBy: 10)
            digits[start] = 0x30 &+ UInt8(truncatingIfNeeded: remainder)
            rest = quotient
        } while rest > 0
        out.append(addingCapacity: digits.count - start) { span in
            for index in start..<digits.count { span.append(digits[index]) }
        }
    }
}
