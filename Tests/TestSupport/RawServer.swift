import Foundation
import Glibc
import Synchronization

/// A listener whose every connection runs a script on a thread of its own: an upstream that does what no decent server
/// would. Ends with this object.
package final class RawServer: Sendable {
    private let descriptor: Int32
    private let counter = ConnectionCounter()
    package let port: Int

    /// Connections taken so far.
    package var connections: Int { counter.value.load(ordering: .relaxed) }

    package init(script: @escaping @Sendable (RawPeer) -> Void) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && listen(descriptor, 64) == 0
                    && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard status else { throw POSIXError(.EADDRNOTAVAIL) }
        self.descriptor = descriptor
        port = Int(UInt16(bigEndian: address.sin_port))
        // The thread must not hold this object, whose end is the thread's.
        Thread.detachNewThread { [counter] in Self.run(descriptor, script, counter) }
    }

    deinit { shutdown(descriptor, Int32(SHUT_RDWR)) }

    private static func run(
        _ descriptor: Int32, _ script: @escaping @Sendable (RawPeer) -> Void, _ counter: ConnectionCounter
    ) {
        while true {
            // A program that another test starts must not inherit it: no client would see it closed.
            let accepted = accept(descriptor, nil, nil)
            _ = fcntl(accepted, F_SETFD, FD_CLOEXEC)
            guard accepted >= 0 else { break }
            counter.value.wrappingAdd(1, ordering: .relaxed)
            Thread.detachNewThread { script(RawPeer(descriptor: accepted)) }
        }
        close(descriptor)
    }
}

private final class ConnectionCounter: Sendable {
    let value = Atomic<Int>(0)
}

/// The server's side of one connection. Blocks, with a limit of five minutes; closed with this object.
package final class RawPeer: Sendable {
    private let descriptor: Int32

    fileprivate init(descriptor: Int32) {
        self.descriptor = descriptor
        var limit = timeval(tv_sec: 300, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    package func send(_ text: String) { send(Array(text.utf8)) }

    package func send(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    /// A head with its empty line; what follows it in the same segment is taken, too. Nil when the client has gone.
    package func readHead() -> String? {
        var text = ""
        var buffer = [UInt8](repeating: 0, count: 16 * 1024)
        while !text.contains("\r\n\r\n") {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { return nil }
            text += String(decoding: buffer[..<count], as: UTF8.self)
        }
        return text
    }

    /// Until the client has gone.
    package func waitForEnd() {
        var buffer = [UInt8](repeating: 0, count: 1024)
        while recv(descriptor, &buffer, buffer.count, 0) > 0 {}
    }
}
