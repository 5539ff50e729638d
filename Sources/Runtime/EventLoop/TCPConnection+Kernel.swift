import CPlatform
import CUV
import Glibc

/// What only the kernel knows of a connection. Each is a system call: for clocks and endings, not for every request.
extension TCPConnection {
    /// The socket; nil once closed. libuv's.
    var descriptor: Int32? {
        var descriptor: Int32 = -1
        guard !isClosed, unsafe uv_fileno(cuv_handle(raw), &descriptor) == 0 else { return nil }
        return descriptor
    }

    package var takenBytes: UInt64 { descriptor.map { cplatform_acknowledged_bytes($0) } ?? 0 }

    package var hasUnreadBytes: Bool {
        guard let descriptor else { return false }
        var byte: UInt8 = 0
        return unsafe recv(descriptor, &byte, 1, Int32(Int(MSG_PEEK) | Int(MSG_DONTWAIT))) > 0
    }

    package var peerIsGone: Bool {
        guard let descriptor else { return false }
        // Both are reported unasked.
        var entry = pollfd(fd: descriptor, events: 0, revents: 0)
        return unsafe poll(&entry, 1, 0) > 0
    }
}
