import CHiredis

/// A command as it travels: an array of bulk strings, formatted by hiredis.
package struct RESPCommand: Sendable, Equatable {
    package let bytes: [UInt8]

    /// - Parameter arguments: the command's name and what follows; any bytes.
    package init(_ arguments: [[UInt8]]) {
        let lengths = arguments.map(\.count)
        let flat = Array(arguments.joined())
        bytes = unsafe flat.withUnsafeBufferPointer { buffer in
            // An empty argument needs an address too; nothing is read from it.
            let base = unsafe UnsafeRawPointer(buffer.baseAddress ?? UnsafePointer(bitPattern: 1)!)
            var pointers: [UnsafePointer<CChar>?] = unsafe []
            var offset = 0
            for length in lengths {
                unsafe pointers.append((base + offset).assumingMemoryBound(to: CChar.self))
                offset += length
            }
            var formatted: UnsafeMutablePointer<CChar>?
            let count = unsafe redisFormatCommandArgv(&formatted, Int32(lengths.count), &pointers, lengths)
            guard count >= 0, let formatted = unsafe formatted else {
                preconditionFailure("redisFormatCommandArgv: out of memory")
            }
            defer { unsafe redisFreeCommand(formatted) }
            return unsafe Array(UnsafeRawBufferPointer(start: formatted, count: Int(count)))
        }
    }

    package init(_ arguments: String...) { self.init(arguments.map { Array($0.utf8) }) }
}
