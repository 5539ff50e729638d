/// The CRC-32 of ISO 3309, as zlib and PNG have it.
/// - Complexity: eight steps for each byte; meant for short texts.
package func crc32(_ bytes: some Sequence<UInt8>) -> UInt32 {
    var register = UInt32.max
    for byte in bytes {
        register ^= UInt32(byte)
        for _ in 0..<8 { register = register >> 1 ^ (register & 1 == 1 ? 0xEDB8_8320 : 0) }
    }
    return ~register
}
