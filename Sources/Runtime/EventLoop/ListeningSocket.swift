import CUV
import Glibc

/// A bound and listening TCP socket that no loop polls yet.
package struct ListeningSocket: ~Copyable, Sendable {
    /// -1 once handed over.
    private var descriptor: Int32
    /// Where it listens; the port is the real one also when 0 was asked for.
    package let address: SocketAddress

    /// Binds and listens. Resolves `host` by the system's resolver, so not on a loop.
    /// - Parameters:
    ///   - host: a name or numeric address; `0.0.0.0` and `::` mean every address.
    ///   - port: 0...65535; 0 lets the kernel choose.
    ///   - backlog: connections the kernel keeps for us until we accept them.
    /// - Throws: the reason, for example `EADDRINUSE`.
    package init(host: String, port: Int, backlog: Int = 1024) throws(UVError) {
        precondition(EventLoop.current == nil, "Invalid state: resolving blocks a loop")
        var hints = unsafe addrinfo()
        unsafe hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let status = unsafe getaddrinfo(host, String(port), &hints, &list)
        guard status == 0, let first = unsafe list else { throw UVError(UV_EAI_NONAME.rawValue) }
        defer { unsafe freeaddrinfo(first) }
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = unsafe socket(first.pointee.ai_family, type, 0)
        guard descriptor >= 0 else { throw .last }
        var yes: Int32 = 1
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        // Inherited by each connection. Without it the kernel takes megabytes of an answer that its client does not read.
        var unsentBytesMax: Int32 = 128 * 1024
        unsafe setsockopt(
            descriptor, Int32(IPPROTO_TCP), TCP_NOTSENT_LOWAT, &unsentBytesMax, socklen_t(MemoryLayout<Int32>.size))
        guard unsafe bind(descriptor, first.pointee.ai_addr, first.pointee.ai_addrlen) == 0,
            listen(descriptor, Int32(backlog)) == 0
        else {
            let error = UVError.last
            Glibc.close(descriptor)
            throw error
        }
        self.descriptor = descriptor
        address = unsafe addressOf(descriptor, getsockname)
    }

    /// Hands the descriptor over: the caller closes it.
    consuming func release() -> Int32 {
        defer { descriptor = -1 }
        return descriptor
    }

    deinit { if descriptor >= 0 { Glibc.close(descriptor) } }
}

/// A connected TCP socket on its way to the loop that will own it.
package struct AcceptedSocket: ~Copyable, Sendable {
    private var descriptor: Int32

    /// The peer's address.
    package let remoteAddress: SocketAddress

    init(descriptor: Int32) {
        self.descriptor = descriptor
        remoteAddress = unsafe addressOf(descriptor, getpeername)
    }

    /// Hands the descriptor over: the caller closes it.
    consuming func release() -> Int32 {
        defer { descriptor = -1 }
        return descriptor
    }

    deinit { if descriptor >= 0 { Glibc.close(descriptor) } }
}

/// The local or remote address of a socket.
func addressOf(
    _ descriptor: Int32, _ name: (Int32, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
) -> SocketAddress {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    _ = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe name(descriptor, $0, &length) }
    }
    return SocketAddress(storage)
}
