/// Where plain and encrypted bytes stand while they are turned into each other: shared by the connections of one loop, as
/// only one of them works at a time. Loop-confined.
package final class TLSBuffers {
    /// What one large answer leaves behind is given back.
    private static let keptBytesMax = 256 * 1024

    private var plain: [UInt8] = []
    private var output: [UInt8] = []

    package init() {}

    /// An empty array to fill. The caller gives it back, and may meanwhile be called again.
    func takePlain() -> [UInt8] {
        var taken: [UInt8] = []
        swap(&taken, &plain)
        return taken
    }

    func putBack(_ bytes: consuming [UInt8]) {
        guard bytes.capacity <= Self.keptBytesMax else { return }
        bytes.removeAll(keepingCapacity: true)
        plain = bytes
    }

    /// Lets `body` append what is to be sent.
    func fillOutput<Result>(_ body: (inout [UInt8]) -> Result) -> Result { body(&output) }

    /// Hands on what has been filled in.
    func drainOutput(_ send: ([UInt8]) -> Void) {
        guard !output.isEmpty else { return }
        send(output)
        if output.capacity > Self.keptBytesMax { output = [] } else { output.removeAll(keepingCapacity: true) }
    }
}
