import JSON

/// A JSON document. What is read is written and read back as the same value, in both layouts; limits hold; an error names
/// a place within the text.
enum JSONTarget: FuzzTarget {
    static let name = "json"
    private static let limits = JSONLimits(maxDepth: 16, maxBytes: 4096, maxValues: 200)

    static func run(_ input: UnsafeBufferPointer<UInt8>) {
        let bytes = Array(input)
        do throws(JSONError) {
            let value = try JSONValue(parsing: bytes, limits: limits)
            require(bytes.count <= limits.maxBytes, "\(bytes.count) bytes were read")
            for pretty in [false, true] { checkAgain(value, value.encoded(pretty: pretty)) }
            // A value is whole only at the end of its text; only a number can end earlier.
            if let last = bytes.last, last == 0x7D || last == 0x5D || last == 0x22 {
                let short = try? JSONValue(parsing: Array(bytes.dropLast()), limits: limits)
                require(short == nil, "it is whole without its last byte too")
            }
        } catch {
            require(
                error.offset >= 0 && error.offset <= bytes.count, "an error at byte \(error.offset) of \(bytes.count)")
        }
    }

    private static func checkAgain(_ value: JSONValue, _ written: [UInt8]) {
        do throws(JSONError) {
            let again = try JSONValue(parsing: written)
            require(again == value, "\(String(decoding: written, as: UTF8.self)) became \(again)")
        } catch {
            require(false, "\(String(decoding: written, as: UTF8.self)): \(error)")
        }
    }
}
