import Redis

/// What a Redis server sends. Whole and in pieces it gives the same replies and the same end; a reply that is written
/// anew is read as the same.
enum RESPTarget: FuzzTarget {
    static let name = "resp"

    private struct Run: Equatable {
        var values: [RESPValue] = []
        var failed = false
    }

    static func run(_ input: UnsafeBufferPointer<UInt8>) {
        let whole = read([input])
        var cuts = Cuts(seed: input)
        let split = read(cuts.pieces(of: input))
        require(whole == split, "\(whole)\n  and in pieces\n\(split)")
        for value in whole.values {
            let again = serialized(value).withUnsafeBufferPointer { read([$0]) }
            require(again == Run(values: [value]), "\(value)\n  became\n\(again)")
        }
    }

    private static func read(_ pieces: [UnsafeBufferPointer<UInt8>]) -> Run {
        let reader = RESPReader()
        var run = Run()
        for piece in pieces {
            do throws(RedisError) {
                try reader.read(piece.span) { run.values.append($0) }
                require(!run.failed, "bytes are read after an error")
            } catch {
                run.failed = true
            }
        }
        return run
    }

    private static func serialized(_ value: RESPValue) -> [UInt8] {
        switch value {
        case .bulk(let bytes): Array("$\(bytes.count)\r\n".utf8) + bytes + Array("\r\n".utf8)
        case .status(let text): Array("+\(text)\r\n".utf8)
        case .error(let text): Array("-\(text)\r\n".utf8)
        case .integer(let number): Array(":\(number)\r\n".utf8)
        case .null: Array("$-1\r\n".utf8)
        case .array(let values): Array("*\(values.count)\r\n".utf8) + values.flatMap(serialized)
        }
    }
}
