import EventLoop
import HTTP

/// What a connection is charged for, and how it gives that up.
extension HTTPConnection {
    var chargedBytes: Int { charge.bytes }
    var chargeNumber: UInt64 { charge.number }

    /// Accounts for what is held now. Not while an answer is being put together: others may have to be refused for it.
    /// - Parameters:
    ///   - received: what the machine holds.
    ///   - unsent: what the stream holds.
    func updateCharge(received: Int, unsent: Int) {
        guard stage != .closed else { return }
        let body = current?.bodyBytes ?? 0
        let held = ownBytes + received + body + unsent + rest.count + (writer?.unsentBytes ?? 0)
        if held != charge.bytes, charge.set(held) { server.relieveMemory() }
    }

    /// A client that waits for an answer learns why it gets none, as far as that can be sent at once.
    func shed() {
        guard stage == .open, tcp.unsentBytes == 0, rest.isEmpty, writer == nil else {
            // A reset: the kernel, too, drops what the client does not take.
            return abort()
        }
        if machine.isIdle { return close() }
        let head = machine.refusedHead
        let id = current?.id ?? requestID(head)
        let request = Request(head: head, body: [], id: id, remoteAddress: remoteAddress)
        stopWork()
        stage = .closing
        current = nil
        machine.discard()
        server.encode(
            server.configuration.outOfMemory(request), id: id, isHead: head.method == .head, connection: .close)
        flush()
        if ownBytes > MemoryCost.connection || stage != .lingering {
            close()
        } else {
            updateCharge(received: 0, unsent: 0)
        }
    }
}
