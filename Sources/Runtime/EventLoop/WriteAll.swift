import Glibc

/// Writes the bytes from `offset` on and moves it past what was written. Blocks; not from a loop.
/// - Returns: the system's error number, 0 when everything was written.
func writeAll(_ bytes: [UInt8], from offset: inout Int, to descriptor: Int32) -> Int32 {
    while offset < bytes.count {
        let count = unsafe bytes.withUnsafeBufferPointer { buffer in
            unsafe Glibc.write(descriptor, buffer.baseAddress! + offset, bytes.count - offset)
        }
        if count > 0 {
            offset += count
        } else if lastErrno() != EINTR {
            return lastErrno()
        }
    }
    return 0
}
