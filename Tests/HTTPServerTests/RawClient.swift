import Glibc

/// A blocking socket to loopback that sends exactly the bytes it is given. For tests off the loops.
final class RawClient: Sendable {
    private let descriptor: Int32

    /// - Parameter isNarrow: whether its buffers and segments, and with them the server's, are so small that little is on
    ///   its way.
    /// - Parameter loopback: the last number of the address 127.0.0.x that it connects from.
    init(port: Int, isNarrow: Bool = false, from loopback: Int = 1) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        if isNarrow {
            for (level, name, value) in [(SOL_SOCKET, SO_RCVBUF, Int32(4_096)), (Int32(IPPROTO_TCP), TCP_MAXSEG, 536)] {
                var value = value
                setsockopt(descriptor, level, name, &value, socklen_t(MemoryLayout<Int32>.size))
            }
        }
        if loopback != 1 { try with(host: loopback, port: 0, bind) }
        try with(host: 1, port: port, connect)
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    /// Calls `bind` or `connect` with an address of loopback.
    private func with(
        host: Int, port: Int, _ call: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) throws {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = (UInt32(0x7F00_0000) + UInt32(host)).bigEndian
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                call(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else { throw SocketError() }
    }

    struct SocketError: Error {}

    func send(_ text: String) { send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) {
        _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }

    /// Makes closing a reset.
    func reset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    }

    /// Whether something can be read, or will be within that many milliseconds.
    func hasAnswer(within milliseconds: Int32) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, milliseconds) > 0
    }

    /// Closes our sending side only.
    func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Everything until the server closes; nil when it closes with a reset.
    func readAll() -> String? {
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16 * 1024)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count == 0 { return String(decoding: all, as: UTF8.self) }
            if count < 0 { return nil }
            all += buffer[..<count]
        }
    }

    /// What one read gives, at most that many bytes; nil at the end.
    func readSome(_ most: Int = 16 * 1024) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: most)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        return count > 0 ? Array(buffer[..<count]) : nil
    }

    /// How often the text occurs in what is read until it has occurred that often, or nothing more comes.
    func count(of marker: String, atLeast most: Int) -> Int {
        let marker = Array(marker.utf8)
        var window: [UInt8] = []
        var seen = 0
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        while seen < most {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count <= 0 { break }
            window += buffer[..<count]
            var index = 0
            while index + marker.count <= window.count {
                if window[index] == marker[0], window[index..<(index + marker.count)].elementsEqual(marker) {
                    seen += 1
                    index += marker.count
                } else {
                    index += 1
                }
            }
            window.removeFirst(index)
        }
        return seen
    }

    /// Reads until the text has been seen that often.
    func read(until marker: String, times: Int = 1) -> String {
        var all = ""
        var buffer = [UInt8](repeating: 0, count: 16 * 1024)
        while all.components(of: marker) < times {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count <= 0 { return all }
            all += String(decoding: buffer[..<count], as: UTF8.self)
        }
        return all
    }
}

extension String {
    /// How often a text occurs.
    func components(of marker: String) -> Int {
        var count = 0
        var rest = self[...]
        while !rest.isEmpty {
            if rest.hasPrefix(marker) {
                count += 1
                rest = rest.dropFirst(marker.count)
            } else {
                rest.removeFirst()
            }
        }
        return count
    }
}
