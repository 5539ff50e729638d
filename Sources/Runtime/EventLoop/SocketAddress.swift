import CUV
import Glibc

/// An IP address and port.
package struct SocketAddress: Sendable, Equatable, CustomStringConvertible {
    /// Numeric, without brackets: `127.0.0.1`, `::1`. An IPv4 peer of a dual-stack listener is shown as IPv4.
    package let host: String
    /// 0...65535.
    package let port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    init(_ storage: sockaddr_storage) {
        var storage = storage
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN) + 1)
        if Int32(storage.ss_family) == AF_INET6 {
            let address = unsafe withUnsafeBytes(of: &storage) { unsafe $0.load(as: sockaddr_in6.self) }
            var copy = address
            unsafe uv_ip6_name(&copy, &text, text.count)
            port = Int(UInt16(bigEndian: address.sin6_port))
        } else {
            let address = unsafe withUnsafeBytes(of: &storage) { unsafe $0.load(as: sockaddr_in.self) }
            var copy = address
            unsafe uv_ip4_name(&copy, &text, text.count)
            port = Int(UInt16(bigEndian: address.sin_port))
        }
        let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        let name = String(decoding: bytes, as: UTF8.self)
        host = name.hasPrefix("::ffff:") && name.contains(".") ? String(name.dropFirst(7)) : name
    }
}
